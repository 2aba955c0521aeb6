/*
 * half_open.c: the table of connections that died unanswered, and the knock that has the server
 * drop its end; see half_open.h. Opens and closes sockets of its own, and no other descriptor.
 */
#include "half_open.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>

#include "counters.h"
#include "hot_bss.h"
#include "kernel.h"
#include "log.h"
#include "registry.h"
#include "this_thread.h"

enum {
    ENTRIES = 1024,
    BATCH = 16, /* knocks at a time */
    KNOCKS = 3, /* for one connection: 1 of 100 was left under 10 % packet loss */
    KEEP_MS = 10 * 60 * 1000,
    SPACING_MS = 550,   /* a server answers one in 500 ms: net.ipv4.tcp_invalid_ratelimit */
    BLOCKING_MS = 2000, /* longest wait in a blocking connect */
    EVENT_LOOP_MS = 20, /* and for a non-blocking descriptor */
};

/* An entry belongs to the thread that has made it CLAIMED; only that one touches the rest. */
enum state { FREE, CLAIMED, REMEMBERED };

struct entry {
    atomic_int state;
    bool has_orphan;
    int knocks;
    int64_t died, knocked; /* ms on CLOCK_MONOTONIC; knocked 0: not yet */
    struct endpoint peer, local;
};

static struct entry entries[ENTRIES];
HOT_BSS atomic_int half_open_count;

static bool claim(struct entry *entry, int state)
{
    return atomic_compare_exchange_strong(&entry->state, &state, CLAIMED);
}

static void free_entry(struct entry *entry)
{
    atomic_store_explicit(&entry->state, FREE, memory_order_release);
    atomic_fetch_sub(&half_open_count, 1);
}

static void keep_entry(struct entry *entry)
{
    atomic_store_explicit(&entry->state, REMEMBERED, memory_order_release);
}

/* Claims the next entry of this peer from *place on, and frees those that are too old. */
static struct entry *claim_next(const struct endpoint *peer, int *place, int64_t now)
{
    while (*place < ENTRIES) {
        struct entry *entry = &entries[(*place)++];
        if (!claim(entry, REMEMBERED))
            continue;
        if (now - entry->died > KEEP_MS)
            free_entry(entry);
        else if (target_equal(&entry->peer, peer))
            return entry;
        else
            keep_entry(entry);
    }
    return NULL;
}

bool half_open_knows(const struct endpoint *peer)
{
    int place = 0;
    struct entry *entry = claim_next(peer, &place, kernel_milliseconds());
    if (entry != NULL)
        keep_entry(entry);
    return entry != NULL;
}

/* Claims the entry of that very connection. */
static struct entry *claim_exactly(const struct endpoint *peer, const struct endpoint *local)
{
    int place = 0;
    int64_t now = kernel_milliseconds();
    struct entry *entry;
    while ((entry = claim_next(peer, &place, now)) != NULL && !target_equal(&entry->local, local))
        keep_entry(entry);
    return entry;
}

bool half_open_remember(const struct endpoint *peer, const struct endpoint *local, bool has_orphan)
{
    struct entry *present = half_open_any() ? claim_exactly(peer, local) : NULL;
    if (present != NULL) /* by another descriptor of it */
        free_entry(present);
    for (int i = 0; i < ENTRIES; i++)
        if (claim(&entries[i], FREE)) {
            struct entry *entry = &entries[i];
            entry->has_orphan = has_orphan;
            entry->knocks = 0;
            entry->died = kernel_milliseconds();
            entry->knocked = 0;
            entry->peer = *peer;
            entry->local = *local;
            atomic_fetch_add(&half_open_count, 1);
            keep_entry(entry);
            return true;
        }
    return false;
}

void half_open_forget_all(void)
{
    if (!half_open_any())
        return;
    for (int i = 0; i < ENTRIES; i++)
        atomic_store_explicit(&entries[i].state, FREE, memory_order_relaxed);
    atomic_store(&half_open_count, 0);
}

/* ---- one knock ---- */

struct knock {
    struct entry *entry; /* NULL: done with */
    int fd;              /* or -errno */
    bool answered;
    uint64_t identity;
};

/* The port alone is what a socket with IP_LOCAL_PORT_RANGE may take, though other sockets of the
 * machine have it too, for other peers (Linux 6.3). */
static int bind_to_range(int fd, const struct endpoint *local)
{
    enum { BIND_ADDRESS_NO_PORT = 24, LOCAL_PORT_RANGE = 51 };
    struct sockaddr_storage address;
    struct endpoint any_port = *local;
    any_port.port = 0;
    kernel_setsockopt(fd, IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1);
    int error = kernel_setsockopt(fd, IPPROTO_IP, LOCAL_PORT_RANGE,
                                  (int)((uint32_t)local->port << 16 | local->port));
    return error < 0 ? error : kernel_bind(fd, &address, target_sockaddr(&any_port, &address));
}

static int bind_to_port(int fd, const struct endpoint *local)
{
    struct sockaddr_storage address;
    return kernel_bind(fd, &address, target_sockaddr(local, &address));
}

static int connect_from(const struct entry *entry, int (*bind_to)(int, const struct endpoint *))
{
    struct sockaddr_storage address;
    struct endpoint local;
    int fd = kernel_socket(entry->peer.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    int error = fd < 0 ? fd : bind_to(fd, &entry->local);
    if (error >= 0)
        error = kernel_connect(fd, &address, target_sockaddr(&entry->peer, &address));
    if (error == -EINPROGRESS)
        error = 0;
    /* The kernel ignores a range that lies outside net.ipv4.ip_local_port_range. */
    if (error == 0 && (!target_local(fd, &local) || !target_equal(&local, &entry->local)))
        error = -EADDRNOTAVAIL;
    if (error == 0)
        return fd;
    if (fd >= 0)
        kernel_close(fd);
    return error;
}

/*
 * A port may be taken by an orphan of ours, until the server has its FIN, or by a connect of
 * another program. That one may give up before a SYN of it has arrived: it is worth a wait, and
 * counts as a knock that nobody answers. Nothing else is: the address may be gone, or no descriptor
 * left.
 */
static void cannot_knock(struct knock *knock, bool has_time)
{
    if (has_time && knock->fd == -EADDRINUSE && !knock->entry->has_orphan) {
        knock->entry->knocks++;
        return;
    }
    keep_entry(knock->entry);
    knock->entry = NULL;
}

/* On record while it is open, as no connection of the program's: a child that another thread forks
 * meanwhile closes it. */
static void begin_knock(struct knock *knock, bool has_time)
{
    struct entry *entry = knock->entry;
    knock->answered = false;
    knock->fd = connect_from(entry, bind_to_range);
    if (knock->fd < 0)
        knock->fd = connect_from(entry, bind_to_port);
    if (knock->fd < 0) {
        cannot_knock(knock, has_time);
        return;
    }
    uint64_t replaced = registry_recorded(knock->fd);
    knock->identity = registry_identify(knock->fd);
    registry_record(knock->fd, replaced, knock->identity, &(struct endpoint){.family = AF_UNSPEC});
    entry->knocks++;
    entry->knocked = kernel_milliseconds();
}

static void conclude(struct entry *entry, bool proven)
{
    struct target_name peer, local;
    target_name(&peer, &entry->peer, -1);
    target_name(&local, &entry->local, -1);
    if (proven)
        log_write(LOG_LEVEL_INFO, "%s has dropped its end of the dead connection from %s",
                  peer.text, local.text);
    else
        log_write(LOG_LEVEL_INFO, "%s may still hold its end of the dead connection from %s",
                  peer.text, local.text);
    if (proven)
        count(COUNT_RESET);
    free_entry(entry);
}

/* It connected: the server has no other connection of that address and port. A refusal, by a
 * server that has ended, says the same. */
static bool is_proof(const struct knock *knock)
{
    int error = 0;
    if (!knock->answered)
        return false;
    int result = kernel_getsockopt(knock->fd, SOL_SOCKET, SO_ERROR, &error, sizeof error);
    return result != -ENOTSOCK && (error == 0 || error == ECONNREFUSED);
}

static void end_knock(struct knock *knock)
{
    struct entry *entry = knock->entry;
    bool proven = is_proof(knock);
    if (knock->fd >= 0) {
        registry_forget(knock->fd, knock->identity);
        if (registry_identify(knock->fd) == knock->identity) /* else by a dup2 of the program */
            kernel_close(knock->fd);
    }
    if (!proven && entry->knocks < KNOCKS)
        return;
    conclude(entry, proven);
    knock->entry = NULL;
}

/* ---- some at a time ---- */

static int without_done(struct knock knocks[], int count)
{
    int left = 0;
    for (int i = 0; i < count; i++)
        if (knocks[i].entry != NULL)
            knocks[left++] = knocks[i];
    return left;
}

/* False where a signal handler has run: the program may want to stop. */
static bool wait_for_answers(struct knock knocks[], int count, int64_t until)
{
    for (;;) {
        struct pollfd sockets[BATCH];
        int waiting = 0;
        for (int i = 0; i < count; i++) { /* poll(2) ignores a negative number */
            sockets[i] = (struct pollfd){knocks[i].answered ? -1 : knocks[i].fd, POLLOUT, 0};
            waiting += knocks[i].answered ? 0 : 1;
        }
        int64_t now = kernel_milliseconds();
        if (waiting == 0 || now >= until)
            return true;
        int result = kernel_poll(sockets, count, (int)(until - now));
        if (result <= 0)
            return result == 0;
        for (int i = 0; i < count; i++)
            knocks[i].answered = knocks[i].answered || sockets[i].revents != 0;
    }
}

static bool knock_once(struct knock knocks[], int *count, int64_t until, bool has_time)
{
    for (int i = 0; i < *count; i++)
        begin_knock(&knocks[i], has_time);
    *count = without_done(knocks, *count);
    bool uninterrupted = wait_for_answers(knocks, *count, until);
    for (int i = 0; i < *count; i++)
        end_knock(&knocks[i]);
    *count = without_done(knocks, *count);
    return uninterrupted;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* False where there is no time for another batch. */
static bool knock_for(struct knock knocks[], int count, int64_t until)
{
    int64_t now = kernel_milliseconds();
    bool uninterrupted = true;
    for (int i = 0; i < KNOCKS && count > 0 && now < until && uninterrupted; i++) {
        uninterrupted = knock_once(knocks, &count, earlier(now + SPACING_MS, until), true);
        now = kernel_milliseconds();
    }
    for (int i = 0; i < count; i++)
        keep_entry(knocks[i].entry);
    return uninterrupted && now < until;
}

/* Claims as many as one batch takes, but for those of the last `spacing` ms. */
static int gather(struct knock knocks[], const struct endpoint *peer, int *place, int spacing)
{
    int count = 0;
    struct entry *entry;
    int64_t now = kernel_milliseconds();
    while (count < BATCH && (entry = claim_next(peer, place, now)) != NULL)
        if (now - entry->knocked >= spacing)
            knocks[count++].entry = entry;
        else
            keep_entry(entry);
    return count;
}

/* ---- how long ---- */

/* As long as a blocking connect may take: the program's own limit holds. */
static int64_t longest_wait(int fd)
{
    struct kernel_time limit = {0, 0}; /* a struct timeval, as SO_SNDTIMEO has it */
    kernel_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int64_t given = (int64_t)limit.seconds * 1000 + limit.nanoseconds / 1000;
    return given > 0 ? earlier(given, BLOCKING_MS) : BLOCKING_MS;
}

static void reset_and_wait(const struct endpoint *peer, int fd)
{
    struct knock knocks[BATCH];
    int place = 0;
    int64_t until = kernel_milliseconds() + longest_wait(fd);
    while (knock_for(knocks, gather(knocks, peer, &place, 0), until) && place < ENTRIES)
        ;
}

/*
 * An event loop: one knock for each, and 20 ms for all. Its further calls within the next half
 * second knock without a wait: a knock that is not waited for has its effect all the same, since
 * the kernel answers with RST for a port that nobody has open.
 */
static void reset_in_passing(const struct endpoint *peer)
{
    static atomic_uint waited; /* ms, modulo 2^32 */
    struct knock knocks[BATCH];
    int place = 0;
    int64_t now = kernel_milliseconds();
    bool may_wait = (unsigned)now - atomic_load(&waited) >= SPACING_MS;
    if (may_wait)
        atomic_store(&waited, (unsigned)now);
    int count = gather(knocks, peer, &place, SPACING_MS);
    knock_once(knocks, &count, may_wait ? now + EVENT_LOOP_MS : now, false);
    for (int i = 0; i < count; i++)
        keep_entry(knocks[i].entry);
}

/* A client sets options after its connect: of these calls only one waits for the same socket. */
static bool has_waited(int fd)
{
    static OF_THIS_THREAD uint64_t last;
    uint64_t identity = registry_recorded(fd);
    bool before = identity != 0 && identity == last;
    last = identity;
    return before;
}

/* A program that binds its port has sent that SYN itself, and it has been answered. */
static void end_own(const struct endpoint *peer, int fd)
{
    struct endpoint own;
    struct entry *entry = target_local(fd, &own) ? claim_exactly(peer, &own) : NULL;
    if (entry != NULL)
        conclude(entry, true);
}

void half_open_reset(const struct endpoint *peer, int fd)
{
    end_own(peer, fd);
    if ((kernel_fcntl(fd, F_GETFL, 0) & O_NONBLOCK) != 0 || has_waited(fd))
        reset_in_passing(peer);
    else
        reset_and_wait(peer, fd);
}
