/*
 * holders.c: who holds which connection, and is one shared? Reads /proc/PID/fd of every process, in
 * whichever network namespace that is: a descriptor does not mind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"

/* For some instants a child between vfork and exec holds what its parent holds, and another audit
 * what it asks for options. */
static const struct timespec second_look = {.tv_nsec = 250000000};

static bool is_number(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

/* The inode of the socket behind /proc/.../fd/N; 0: not a socket, or gone. */
static unsigned long socket_at(int directory, const char *name)
{
    static const char opening[] = "socket:[";
    char target[64];
    ssize_t length = readlinkat(directory, name, target, sizeof target - 1);
    if (length < 0)
        return 0;
    target[length] = '\0';
    return strncmp(target, opening, sizeof opening - 1) == 0
               ? strtoul(target + sizeof opening - 1, NULL, 10)
               : 0;
}

static int by_inode(const void *a, const void *b)
{
    unsigned long left = ((const struct connection *)a)->inode;
    unsigned long right = ((const struct connection *)b)->inode;
    return (left > right) - (left < right);
}

static struct connection *connection_of(const struct audit *audit, unsigned long inode)
{
    const struct connection wanted = {.inode = inode};
    if (inode == 0 || audit->connection_count == 0)
        return NULL;
    return bsearch(&wanted, audit->connections, audit->connection_count, sizeof wanted, by_inode);
}

/* The process that is being walked, which is the last one if it has been added already. */
static size_t process_of(struct audit *audit, pid_t pid)
{
    size_t count = audit->process_count;
    if (count == 0 || audit->processes[count - 1].pid != pid) {
        APPEND(audit->processes, audit->process_count)->pid = pid;
        process_describe(&audit->processes[count]);
        return count;
    }
    return count - 1;
}

static void hold(struct audit *audit, const struct connection *connection, pid_t pid, pid_t task,
                 int fd)
{
    size_t process = process_of(audit, pid);
    *APPEND(audit->holders, audit->holder_count) =
        (struct holder){.connection = (size_t)(connection - audit->connections),
                        .process = process,
                        .task = task,
                        .fd = fd};
}

/* Returns how many descriptors there are, or -1 when they are not for us to see. */
static int walk_descriptors(struct audit *audit, pid_t pid, pid_t task)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)task);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return errno == EACCES || errno == EPERM ? -1 : 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!is_number(entry->d_name))
            continue;
        const struct connection *connection =
            connection_of(audit, socket_at(dirfd(directory), entry->d_name));
        if (connection != NULL)
            hold(audit, connection, pid, task, atoi(entry->d_name));
        count++;
    }
    closedir(directory);
    return count;
}

/* A process goes on without its first thread, whose directory is empty then. */
static void walk_threads(struct audit *audit, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (is_number(entry->d_name) && atoi(entry->d_name) != pid &&
            walk_descriptors(audit, pid, atoi(entry->d_name)) > 0)
            break;
    closedir(directory);
}

/* Kernel threads and zombies have no descriptors to see: proc(5), state and flags in stat. */
static bool has_no_descriptors(pid_t pid)
{
    enum { PF_KTHREAD = 0x00200000 };
    char path[64];
    char stat[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return true;
    ssize_t length = read(file, stat, sizeof stat - 1);
    close(file);
    stat[length > 0 ? length : 0] = '\0';
    const char *behind_name = strrchr(stat, ')');
    char state = 'Z';
    unsigned flags = 0;
    if (behind_name != NULL)
        sscanf(behind_name, ") %c %*d %*d %*d %*d %*d %u", &state, &flags);
    return state == 'Z' || (flags & PF_KTHREAD) != 0;
}

static void walk_process(struct audit *audit, pid_t pid)
{
    int count = walk_descriptors(audit, pid, pid);
    if (count == 0)
        walk_threads(audit, pid);
    if (count < 0 && !has_no_descriptors(pid))
        audit->unseen++;
}

static void walk_processes(struct audit *audit)
{
    DIR *directory = opendir("/proc");
    if (directory == NULL)
        give_up("/proc: %s", strerror(errno));
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (is_number(entry->d_name))
            walk_process(audit, atoi(entry->d_name));
    closedir(directory);
}

static int by_connection(const void *a, const void *b)
{
    const struct holder *left = a;
    const struct holder *right = b;
    if (left->connection != right->connection)
        return left->connection < right->connection ? -1 : 1;
    if (left->process != right->process)
        return left->process < right->process ? -1 : 1;
    return (left->fd > right->fd) - (left->fd < right->fd);
}

/* Processes, not threads and not descriptors: one that holds it twice shares it with nobody. */
static bool is_shared(const struct connection *connection)
{
    for (size_t i = 1; i < connection->holder_count; i++)
        if (connection->holders[i].process != connection->holders[0].process)
            return true;
    return false;
}

/* Gives each connection its part of the list. */
static void hand_out(struct audit *audit)
{
    struct holder *end = audit->holders + audit->holder_count;
    if (audit->holder_count > 0)
        qsort(audit->holders, audit->holder_count, sizeof *end, by_connection);
    struct holder *holder = audit->holders;
    for (size_t i = 0; i < audit->connection_count; i++) {
        struct connection *connection = &audit->connections[i];
        connection->holders = holder;
        while (holder < end && holder->connection == i)
            holder++;
        connection->holder_count = (size_t)(holder - connection->holders);
        connection->shared = is_shared(connection);
    }
}

static bool still_holds(const struct audit *audit, const struct holder *holder)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)holder->task, holder->fd);
    return socket_at(AT_FDCWD, path) == audit->connections[holder->connection].inode;
}

static bool anything_is_shared(const struct audit *audit)
{
    for (size_t i = 0; i < audit->connection_count; i++)
        if (audit->connections[i].shared)
            return true;
    return false;
}

/* Whoever holds a shared connection must hold it still when we look again. */
static void look_again(struct audit *audit)
{
    size_t count = 0;
    nanosleep(&second_look, NULL);
    for (size_t i = 0; i < audit->holder_count; i++) {
        const struct holder holder = audit->holders[i];
        if (!audit->connections[holder.connection].shared || still_holds(audit, &holder))
            audit->holders[count++] = holder;
    }
    audit->holder_count = count;
}

void holders_find(struct audit *audit)
{
    if (audit->connection_count > 0)
        qsort(audit->connections, audit->connection_count, sizeof *audit->connections, by_inode);
    walk_processes(audit);
    hand_out(audit);
    if (anything_is_shared(audit)) {
        look_again(audit);
        hand_out(audit);
    }
}
