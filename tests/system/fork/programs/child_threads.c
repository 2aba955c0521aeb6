/*
 * child_threads PORT FOREIGN_PORT FILE: three threads fork while three others open, copy and close
 * connections and files. Each child looks at what it has: the connections that its parent had made
 * at that instant must be gone, everything else must be there.
 *
 * What the parent has is published in memory, which fork() copies. A connection is published when
 * connect() has returned and a copy when dup() has: what falls between is the one known gap.
 * fork() copies the descriptors first and the memory later, while other threads go on: what was
 * published after the call to fork() proves nothing.
 */
#include "child_tools.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum {
    FORKERS = 3,
    CHURNERS = 3,
    FORKS_EACH = 80,
    NUMBERS = 128,
    HELD = 2, /* exit statuses of a child */
    LOST = 3,
};

/* What one churner has at this moment; 0: not that. */
struct holding {
    _Atomic uint64_t connection;
    atomic_llong others_since; /* ns */
    _Atomic ino_t file;
    atomic_int file_number;
    _Atomic uint64_t foreign;
    atomic_int foreign_number;
};

static _Alignas(4096) struct holding holdings[CHURNERS]; /* one page: copied in one instant */
static const char *path;
static int port, foreign_port;
static int log_file;
static ino_t log_inode;
static atomic_bool enough;

/* ---- in the child ---- */

static bool holds_a_connection_of_its_parent(void)
{
    for (int fd = 3; fd < NUMBERS; fd++) {
        uint64_t cookie = cookie_of(fd);
        for (int i = 0; i < CHURNERS && cookie != 0; i++)
            if (atomic_load(&holdings[i].connection) == cookie)
                return true;
    }
    return false;
}

static bool lost_something(const struct holding *holding, long long before)
{
    long long since = atomic_load(&holding->others_since);
    if (since == 0 || since >= before)
        return false;
    return inode_of(atomic_load(&holding->file_number)) != atomic_load(&holding->file) ||
           cookie_of(atomic_load(&holding->foreign_number)) != atomic_load(&holding->foreign);
}

static int look_around(long long called)
{
    bool lost = inode_of(log_file) != log_inode;
    for (int i = 0; i < CHURNERS; i++)
        lost = lost || lost_something(&holdings[i], called);
    return holds_a_connection_of_its_parent() ? HELD : lost ? LOST : 0;
}

/* ---- in the parent ---- */

static void hold_a_connection(struct holding *holding)
{
    int fd = connect_socket(port, 0);
    uint64_t cookie = cookie_of(fd);
    int copies[3];
    copies[0] = dup(fd);
    copies[1] = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    copies[2] = dup3(copies[0], copies[1], O_CLOEXEC);
    atomic_store(&holding->connection, cookie);
    usleep(300); /* long enough for somebody to fork meanwhile */
    atomic_store(&holding->connection, 0);
    close(copies[0]);
    close(copies[1]);
    close(fd);
}

/* They get the numbers that the connection has just had. */
static void hold_other_things(struct holding *holding)
{
    int file = checked(open(path, O_RDONLY | O_CLOEXEC), "open");
    int foreign = connect_socket(foreign_port, 0);
    atomic_store(&holding->file_number, file);
    atomic_store(&holding->file, inode_of(file));
    atomic_store(&holding->foreign_number, foreign);
    atomic_store(&holding->foreign, cookie_of(foreign));
    atomic_store(&holding->others_since, nanoseconds_now());
    usleep(300);
    atomic_store(&holding->others_since, 0);
    close(file);
    close(foreign);
}

static void *churn(void *argument)
{
    while (!atomic_load(&enough)) {
        hold_a_connection(argument);
        hold_other_things(argument);
    }
    return NULL;
}

struct count {
    int held, lost, other;
};

/* A fork proves something only while there is a connection to inherit. */
static void wait_for_a_connection(void)
{
    for (int i = 0; atomic_load(&holdings[i].connection) == 0; i = (i + 1) % CHURNERS)
        sched_yield();
}

static void *fork_often(void *argument)
{
    struct count *count = argument;
    for (int i = 0; i < FORKS_EACH; i++) {
        int status = 0;
        wait_for_a_connection();
        long long called = nanoseconds_now();
        pid_t child = fork();
        if (child == 0)
            _exit(look_around(called));
        checked(waitpid(child, &status, 0), "waitpid");
        if (!WIFEXITED(status))
            count->other++;
        else if (WEXITSTATUS(status) == HELD)
            count->held++;
        else if (WEXITSTATUS(status) == LOST)
            count->lost++;
    }
    return NULL;
}

int main(int argc, char *argv[])
{
    (void)argc;
    port = atoi(argv[1]);
    foreign_port = atoi(argv[2]);
    path = argv[3];
    log_file = checked(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "open");
    log_inode = inode_of(log_file);

    pthread_t churners[CHURNERS], forkers[FORKERS];
    struct count counts[FORKERS] = {0}, all = {0};
    for (int i = 0; i < CHURNERS; i++)
        pthread_create(&churners[i], NULL, churn, &holdings[i]);
    for (int i = 0; i < FORKERS; i++)
        pthread_create(&forkers[i], NULL, fork_often, &counts[i]);
    for (int i = 0; i < FORKERS; i++) {
        pthread_join(forkers[i], NULL);
        all.held += counts[i].held;
        all.lost += counts[i].lost;
        all.other += counts[i].other;
    }
    atomic_store(&enough, true);
    for (int i = 0; i < CHURNERS; i++)
        pthread_join(churners[i], NULL);
    printf("children that held a connection of their parent: %s\n", all.held > 0 ? "some" : "none");
    printf("children that lost something else: %d\n", all.lost);
    printf("children that crashed: %d\n", all.other);
    return 0;
}
