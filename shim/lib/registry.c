/*
 * registry.c: descriptor -> socket identity, lock-free; see registry.h.
 *
 * A leaf holds 1,024 consecutive descriptors; leaves hang in a two-level tree that reaches every
 * number that Linux can give out (2^31). The first leaf is static, so that nearly every program
 * never asks for memory; the others come from mmap and are never given back.
 *
 * A record is published by its identity: zeroed first, the rest written, then the identity set.
 * fork() copies memory in each thread's program order, so a child sees no half of a record.
 */
#include "registry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "config.h"
#include "fork_ring.h"
#include "hot_bss.h"
#include "kernel.h"

enum {
    LEAF_BITS = 10,
    LEAF_SIZE = 1 << LEAF_BITS,
    BRANCH_BITS = 10,
    BRANCH_SIZE = 1 << BRANCH_BITS,
    ROOT_SIZE = 1 << (31 - LEAF_BITS - BRANCH_BITS),
    WORD_BITS = 64,
};

enum { RECORD_WORDS = (sizeof(struct record) + sizeof(uint64_t) - 1) / sizeof(uint64_t) };

struct slot {
    _Atomic uint64_t identity;             /* 0: empty */
    _Atomic uint64_t record[RECORD_WORDS]; /* a struct record, atomic word by word */
};

struct leaf {
    _Atomic uint64_t used[LEAF_SIZE / WORD_BITS]; /* one bit a slot that was ever filled */
    struct slot slots[LEAF_SIZE];
};

struct branch {
    _Atomic(struct leaf *) leaves[BRANCH_SIZE];
};

HOT_BSS _Atomic uint64_t registry_watched[LEAF_SIZE / WORD_BITS];

static struct leaf first_leaf;
static _Atomic(struct branch *) root[ROOT_SIZE];
static HOT_BSS atomic_uint past_highest; /* of all descriptors that were ever recorded */
static HOT_BSS atomic_int owner;         /* the process whose records these are, 0 before any */

static struct leaf *leaf_of(int fd)
{
    unsigned leaf = (unsigned)fd >> LEAF_BITS;
    if (leaf == 0)
        return &first_leaf;
    struct branch *branch = atomic_load_explicit(&root[leaf >> BRANCH_BITS], memory_order_acquire);
    if (branch == NULL)
        return NULL;
    return atomic_load_explicit(&branch->leaves[leaf % BRANCH_SIZE], memory_order_acquire);
}

/* Where to look on after a leaf, or after a whole branch that was never hung up. */
static int64_t first_of_next_leaf(int64_t fd)
{
    bool branch =
        atomic_load_explicit(&root[fd >> (LEAF_BITS + BRANCH_BITS)], memory_order_acquire) != NULL;
    int64_t step = branch || fd < LEAF_SIZE ? LEAF_SIZE : (int64_t)LEAF_SIZE * BRANCH_SIZE;
    return (fd / step + 1) * step;
}

static struct slot *slot_of(int fd)
{
    struct leaf *leaf = fd < 0 ? NULL : leaf_of(fd);
    return leaf == NULL ? NULL : &leaf->slots[fd % LEAF_SIZE];
}

static uint64_t identity_on_record(struct slot *slot)
{
    return slot == NULL ? 0 : atomic_load_explicit(&slot->identity, memory_order_acquire);
}

static void load_record(struct slot *slot, struct record *record)
{
    uint64_t words[RECORD_WORDS] = {0};
    for (int i = 0; i < RECORD_WORDS; i++)
        words[i] = atomic_load_explicit(&slot->record[i], memory_order_relaxed);
    memcpy(record, words, sizeof *record);
}

static pid_t opener_on_record(struct slot *slot)
{
    struct record record;
    load_record(slot, &record);
    return record.opener;
}

static void store_record(struct slot *slot, const struct record *record)
{
    uint64_t words[RECORD_WORDS] = {0};
    memcpy(words, record, sizeof *record);
    for (int i = 0; i < RECORD_WORDS; i++)
        atomic_store_explicit(&slot->record[i], words[i], memory_order_relaxed);
}

static void *map_zeroed(size_t size)
{
    long memory = kernel_call(ARCH_MMAP, 0, (long)size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory < 0 && memory >= -4095 ? NULL : (void *)memory; /* -4095..-1 are errors */
}

/* Another thread may hang up its own node first: then that one is used. Returns it, or NULL. */
static void *node_at(_Atomic(void *) *place, size_t size)
{
    void *present = atomic_load_explicit(place, memory_order_acquire);
    if (present != NULL)
        return present;
    void *made = map_zeroed(size);
    if (made == NULL || atomic_compare_exchange_strong(place, &present, made))
        return made;
    kernel_call(SYS_munmap, kernel_pointer(made), (long)size, 0, 0, 0, 0);
    return present;
}

static struct leaf *make_leaf_of(int fd)
{
    unsigned leaf = (unsigned)fd >> LEAF_BITS;
    if (leaf == 0)
        return &first_leaf;
    struct branch *branch =
        node_at((_Atomic(void *) *)&root[leaf >> BRANCH_BITS], sizeof(struct branch));
    if (branch == NULL)
        return NULL;
    return node_at((_Atomic(void *) *)&branch->leaves[leaf % BRANCH_SIZE], sizeof(struct leaf));
}

/*
 * The inode number of a socket, marked so that it is never taken for a cookie: for kernels before
 * 4.12 and sandboxes that refuse SO_COOKIE.
 */
#define INODE_MARK (UINT64_C(1) << 63)

static uint64_t inode_identity(int fd)
{
    struct stat status = {0};
    if (kernel_fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
        return 0;
    return INODE_MARK | status.st_ino;
}

/* What makes a socket that one and no other, as long as the machine is up; 0 for anything else. */
uint64_t registry_identify(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    int error = kernel_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
    if (error == 0)
        return cookie;
    return error == -EBADF || error == -ENOTSOCK ? 0 : inode_identity(fd);
}

/* Only a log line ever asks: without a log the clock need not be read. */
static uint32_t time_of_opening(void)
{
    return config()->log == NULL ? 0 : (uint32_t)kernel_clock(CLOCK_MONOTONIC_COARSE);
}

static void raise_highest(int fd)
{
    unsigned wanted = (unsigned)fd + 1;
    unsigned known = atomic_load_explicit(&past_highest, memory_order_relaxed);
    while (known < wanted && !atomic_compare_exchange_weak(&past_highest, &known, wanted))
        ;
}

static bool fill_slot(int fd, uint64_t identity, const struct record *record)
{
    struct leaf *leaf = make_leaf_of(fd);
    if (leaf == NULL)
        return false;
    struct slot *slot = &leaf->slots[fd % LEAF_SIZE];
    unsigned word = (unsigned)fd % LEAF_SIZE / WORD_BITS;
    uint64_t replaced = identity_on_record(slot);
    if (replaced == identity && opener_on_record(slot) == record->opener)
        return true; /* as with a dup2 again and again: at no moment may it be absent */
    if (replaced != 0 && replaced != identity)
        fork_ring_note_replaced(fd, replaced);
    atomic_store_explicit(&slot->identity, 0, memory_order_seq_cst);
    atomic_thread_fence(memory_order_release);
    store_record(slot, record);
    atomic_fetch_or(&leaf->used[word], UINT64_C(1) << (fd % WORD_BITS));
    if (record->endpoint.family != AF_UNIX)
        atomic_fetch_or(&registry_watched[word], UINT64_C(1) << (fd % WORD_BITS));
    raise_highest(fd);
    atomic_store_explicit(&slot->identity, identity, memory_order_release);
    return true;
}

void registry_adopt(void)
{
    if (atomic_load(&owner) != 0)
        atomic_store(&owner, kernel_getpid());
}

bool registry_renew(int fd, uint64_t identity, const struct endpoint *endpoint)
{
    if (!registry_knows(fd, identity))
        return false;
    struct slot *slot = slot_of(fd);
    struct record record;
    load_record(slot, &record);
    record.endpoint = *endpoint;
    store_record(slot, &record);
    return true;
}

bool registry_is_inode(uint64_t identity)
{
    return (identity & INODE_MARK) != 0;
}

bool registry_knows(int fd, uint64_t identity)
{
    return identity != 0 && identity == identity_on_record(slot_of(fd));
}

bool registry_record(int fd, uint64_t identity, const struct endpoint *endpoint)
{
    if (identity == 0)
        return false;
    if (atomic_load_explicit(&owner, memory_order_relaxed) == 0)
        atomic_store(&owner, kernel_getpid());
    struct record record = {
        .endpoint = *endpoint,
        .opener = atomic_load_explicit(&owner, memory_order_relaxed),
        .opened = time_of_opening(),
    };
    return fill_slot(fd, identity, &record);
}

/*
 * A child of vfork(2) shares these records but not the descriptors: what it copies before exec is
 * not on them. (If the very first record was such a child's, its parent is nobody's child here.)
 */
static bool is_ours(void)
{
    pid_t known = atomic_load(&owner);
    pid_t process = kernel_getpid();
    if (process == known || process < 0) /* a sandbox may refuse to tell */
        return true;
    return kernel_getppid() != known;
}

bool registry_is_ours(void)
{
    return atomic_load(&owner) == kernel_getpid();
}

/* A bit speaks for one number alone as long as none above the first leaf was recorded. */
void registry_unwatch(int fd)
{
    unsigned word = (unsigned)fd % LEAF_SIZE / WORD_BITS;
    if (atomic_load_explicit(&past_highest, memory_order_relaxed) <= LEAF_SIZE)
        atomic_fetch_and(&registry_watched[word], ~(UINT64_C(1) << (fd % WORD_BITS)));
}

bool registry_has_copy(int fd)
{
    uint64_t known = identity_on_record(slot_of(fd));
    for (int other = registry_next(-1); other >= 0; other = registry_next(other))
        if (other != fd && registry_knows(other, known) && registry_identify(other) == known)
            return true;
    return false;
}

bool registry_copy(int from, int to)
{
    struct slot *slot = slot_of(from);
    uint64_t known = identity_on_record(slot);
    if (known == 0 || registry_identify(to) != known || !is_ours())
        return true;
    struct record record;
    load_record(slot, &record);
    return fill_slot(to, known, &record);
}

bool registry_may_hold(int fd)
{
    return identity_on_record(slot_of(fd)) != 0;
}

bool registry_holds(int fd, struct record *record)
{
    struct slot *slot = slot_of(fd);
    uint64_t known = identity_on_record(slot);
    if (known == 0 || registry_identify(fd) != known)
        return false;
    if (record != NULL)
        load_record(slot, record);
    return true;
}

/* The rest of the record stays that of the successor: only the log asks for it. */
void registry_restore(void)
{
    int fd;
    uint64_t identity;
    for (unsigned nth = 0; fork_ring_replaced(&nth, &fd, &identity);)
        if (slot_of(fd) != NULL && registry_identify(fd) == identity)
            atomic_store_explicit(&slot_of(fd)->identity, identity, memory_order_release);
}

bool registry_tunes(int fd)
{
    struct record record;
    return registry_holds(fd, &record) && record.endpoint.family != AF_UNIX;
}

/* Noted first, like a replacement: the child of a fork that is under way may hold this socket. */
void registry_forget(int fd, uint64_t identity)
{
    if (!registry_knows(fd, identity))
        return;
    fork_ring_note_replaced(fd, identity);
    atomic_compare_exchange_strong(&slot_of(fd)->identity, &identity, 0);
}

/* The bit stays: to clear it could hide a record that another thread is making at this moment. */
void registry_drop(int fd)
{
    struct slot *slot = slot_of(fd);
    if (slot != NULL)
        atomic_store_explicit(&slot->identity, 0, memory_order_release);
}

static int next_in_leaf(struct leaf *leaf, int first)
{
    for (int at = first; at < LEAF_SIZE; at = (at / WORD_BITS + 1) * WORD_BITS) {
        uint64_t word = atomic_load_explicit(&leaf->used[at / WORD_BITS], memory_order_acquire);
        for (word &= ~UINT64_C(0) << (at % WORD_BITS); word != 0; word &= word - 1) {
            int found = at / WORD_BITS * WORD_BITS + __builtin_ctzll(word);
            if (identity_on_record(&leaf->slots[found]) != 0)
                return found;
        }
    }
    return -1;
}

int registry_next(int after)
{
    int64_t end = atomic_load_explicit(&past_highest, memory_order_acquire);
    for (int64_t fd = (int64_t)after + 1; fd < end;) {
        struct leaf *leaf = leaf_of((int)fd);
        int found = leaf == NULL ? -1 : next_in_leaf(leaf, (int)(fd % LEAF_SIZE));
        if (found >= 0)
            return (int)(fd - fd % LEAF_SIZE + found);
        fd = first_of_next_leaf(fd);
    }
    return -1;
}
