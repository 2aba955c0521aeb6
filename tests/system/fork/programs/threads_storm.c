/*
 * threads_storm PORT FOREIGN_PORT FILE SECONDS: eight threads open, tune, copy and close
 * connections and other things without a pause, while two others fork as fast as they can. Each
 * child looks at what it has.
 *
 * What the parent has is published in memory. fork() copies the descriptors first and the memory
 * later; of each thread's stores a child sees all up to one and none after it. So what is published
 * as held may be looked for in the child, but for two gaps that nobody can close: a socket on which
 * connect() was not called yet (it is published later), and a copy that dup() has not returned yet
 * (its thread is published as copying).
 */
#include "child_tools.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

enum {
    WORKERS = 8,
    FORKERS = 2,
    NUMBERS = 256,
    RESERVED = 150, /* each worker dups onto numbers of its own, from here on */
    RESERVED_EACH = 4,
    KEPT = 2,   /* connections that a worker has at a time */
    COPIES = 3, /* of each */
    HELD = 2,   /* exit statuses of a child */
    LOST = 3,
    NO_MORE = 4,
};

/* What one worker has at this moment; 0: not that. */
struct holding {
    _Atomic uint64_t connections[KEPT];
    atomic_llong foreign_since; /* ns */
    _Atomic uint64_t foreign;
    _Atomic ino_t file;
    atomic_int foreign_number, file_number;
    atomic_bool copying;
};

static struct holding holdings[WORKERS];
static const char *path;
static int port, foreign_port;
static atomic_bool enough;

/* ---- in the child ---- */

static bool is_held_by(const struct holding *holding, uint64_t cookie)
{
    if (atomic_load(&holding->copying))
        return false;
    for (int i = 0; i < KEPT; i++)
        if (atomic_load(&holding->connections[i]) == cookie)
            return true;
    return false;
}

static bool holds_a_connection_of_its_parent(void)
{
    for (int fd = 3; fd < NUMBERS; fd++) {
        uint64_t cookie = cookie_of(fd);
        for (int i = 0; i < WORKERS && cookie != 0; i++)
            if (is_held_by(&holdings[i], cookie))
                return true;
    }
    return false;
}

static bool lost_something(const struct holding *holding, long long before)
{
    long long since = atomic_load(&holding->foreign_since);
    if (since == 0 || since >= before)
        return false;
    return inode_of(atomic_load(&holding->file_number)) != atomic_load(&holding->file) ||
           cookie_of(atomic_load(&holding->foreign_number)) != atomic_load(&holding->foreign);
}

/* The guard must also still work: a hook that waits for a thread of the parent waits for ever. */
static bool hooks_work(void)
{
    int on = 1;
    int fd = connect_socket(port, SOCK_NONBLOCK);
    int copy = dup(fd);
    bool works = copy >= 0 && setsockopt(copy, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0;
    close(copy);
    close(fd);
    return works;
}

static int look_around(long long called)
{
    alarm(20);
    for (int i = 0; i < WORKERS; i++)
        if (lost_something(&holdings[i], called))
            return LOST;
    if (holds_a_connection_of_its_parent())
        return HELD;
    return hooks_work() ? 0 : NO_MORE;
}

/* ---- in the parent ---- */

struct kept {
    int copies[COPIES];
};

static void copy(int fd, struct kept *kept, int reserved)
{
    kept->copies[0] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    kept->copies[1] = dup2(fd, reserved);
    kept->copies[2] = dup3(fd, reserved + 1, O_CLOEXEC);
}

static void tune(int fd)
{
    int on = 1, off = 0, idle = 500;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* The first number goes at once, so that others connect on it again and again while the copies are
 * in use and a fork is under way. */
static void acquire(struct holding *holding, int which, struct kept *kept, int reserved)
{
    int fd = connect_socket(port, SOCK_CLOEXEC);
    atomic_store(&holding->copying, true);
    copy(fd, kept, reserved);
    atomic_store(&holding->copying, false);
    atomic_store(&holding->connections[which], cookie_of(fd));
    tune(fd);
    close(fd);
}

static void release(struct holding *holding, int which, struct kept *kept)
{
    atomic_store(&holding->connections[which], 0);
    for (int i = 0; i < COPIES; i++)
        close(kept->copies[i]);
}

static void hold_other_things(struct holding *holding)
{
    int file = checked(open(path, O_RDONLY | O_CLOEXEC), "open");
    int foreign = connect_socket(foreign_port, SOCK_CLOEXEC);
    atomic_store(&holding->file_number, file);
    atomic_store(&holding->file, inode_of(file));
    atomic_store(&holding->foreign_number, foreign);
    atomic_store(&holding->foreign, cookie_of(foreign));
    atomic_store(&holding->foreign_since, nanoseconds_now());
    tune(foreign);
    usleep(300); /* long enough for somebody to fork meanwhile */
    atomic_store(&holding->foreign_since, 0);
    close(file);
    close(foreign);
}

static void *work(void *argument)
{
    struct holding *holding = argument;
    int reserved = RESERVED + RESERVED_EACH * (int)(holding - holdings);
    struct kept kept[KEPT];
    acquire(holding, 0, &kept[0], reserved);
    for (int i = 1; !atomic_load(&enough); i++) {
        acquire(holding, i % KEPT, &kept[i % KEPT], reserved + 2 * (i % KEPT));
        release(holding, (i + 1) % KEPT, &kept[(i + 1) % KEPT]);
        if (i % 8 == 0)
            hold_other_things(holding);
    }
    return NULL;
}

/* ThreadSanitizer does not know of _Fork(): its own locks would stay locked in the child. */
#ifdef UNDER_TSAN
#define OTHER_FORK fork
#else
#define OTHER_FORK _Fork
#endif

struct count {
    pid_t (*fork)(void);
    int children, held, lost, other;
};

static void count_child(struct count *count, int status)
{
    count->children++;
    count->held += WIFEXITED(status) && WEXITSTATUS(status) == HELD;
    count->lost += WIFEXITED(status) && WEXITSTATUS(status) == LOST;
    count->other += !WIFEXITED(status) || WEXITSTATUS(status) == NO_MORE;
}

static void *fork_often(void *argument)
{
    struct count *count = argument;
    while (!atomic_load(&enough)) {
        int status = 0;
        long long called = nanoseconds_now();
        pid_t child = count->fork();
        if (child == 0)
            _exit(look_around(called));
        checked(waitpid(child, &status, 0), "waitpid");
        count_child(count, status);
    }
    return NULL;
}

/* Small pages, all of them in use: the more there are, the longer fork() takes between copying the
 * descriptors and copying the guard's records. */
static void take_memory(void)
{
    enum { MEMORY = 64 << 20 };
    char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    madvise(memory, MEMORY, MADV_NOHUGEPAGE);
    memset(memory, 1, MEMORY);
}

int main(int argc, char *argv[])
{
    if (argc != 5)
        return 2;
    take_memory();
    port = atoi(argv[1]);
    foreign_port = atoi(argv[2]);
    path = argv[3];
    close(checked(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "open"));

    pthread_t workers[WORKERS], forkers[FORKERS];
    struct count counts[FORKERS] = {{.fork = fork}, {.fork = OTHER_FORK}}, all = {0};
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, work, &holdings[i]);
    for (int i = 0; i < FORKERS; i++)
        pthread_create(&forkers[i], NULL, fork_often, &counts[i]);
    sleep((unsigned)atoi(argv[4])); /* the length of the run: it waits for nothing */
    atomic_store(&enough, true);
    for (int i = 0; i < FORKERS; i++) {
        pthread_join(forkers[i], NULL);
        all.children += counts[i].children;
        all.held += counts[i].held;
        all.lost += counts[i].lost;
        all.other += counts[i].other;
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    fprintf(stderr, "%d children, %d held a connection\n", all.children, all.held);
    printf("children that held a connection of their parent: %s\n", all.held > 0 ? "some" : "none");
    printf("children that lost something else: %d\n", all.lost);
    printf("children that crashed or hung: %d\n", all.other);
    return 0;
}
