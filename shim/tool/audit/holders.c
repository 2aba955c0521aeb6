/*
 * holders.c: who holds which connection, and is one shared? machine/processes.c walks through
 * /proc.
 */
#include <stdlib.h>
#include <time.h>

#include "audit.h"

/* For some instants a child between vfork and exec holds what its parent holds, and another audit
 * what it asks for options. */
static const struct timespec second_look = {.tv_nsec = 250000000};

static int by_inode(const void *a, const void *b)
{
    unsigned long left = ((const struct connection *)a)->inode;
    unsigned long right = ((const struct connection *)b)->inode;
    return (left > right) - (left < right);
}

/* The kernel may list a socket twice while others come and go. */
static void sort_connections(struct audit *audit)
{
    struct connection *connections = audit->connections;
    size_t count = 0;
    if (audit->connection_count > 0)
        qsort(connections, audit->connection_count, sizeof *connections, by_inode);
    for (size_t i = 0; i < audit->connection_count; i++)
        if (count == 0 || connections[count - 1].inode != connections[i].inode)
            connections[count++] = connections[i];
    audit->connection_count = count;
}

static struct connection *connection_of(const struct audit *audit, unsigned long inode)
{
    const struct connection wanted = {.inode = inode};
    if (audit->connection_count == 0)
        return NULL;
    return bsearch(&wanted, audit->connections, audit->connection_count, sizeof wanted, by_inode);
}

static void add_process(void *context, pid_t pid)
{
    struct audit *audit = context;
    *APPEND(audit->processes, audit->process_count) =
        (struct process){.pid = pid, .holders = audit->holder_count};
}

static void add_holder(void *context, const struct socket_descriptor *descriptor)
{
    struct audit *audit = context;
    struct connection *connection = connection_of(audit, descriptor->inode);
    if (connection == NULL)
        return;
    *APPEND(audit->holders, audit->holder_count) =
        (struct holder){.connection = (size_t)(connection - audit->connections),
                        .process = audit->process_count - 1,
                        .task = descriptor->task,
                        .fd = descriptor->fd};
    audit->processes[audit->process_count - 1].holder_count++;
    connection->holder_count++;
}

static int by_process(const void *a, const void *b)
{
    const struct holder *left = *(const struct holder *const *)a;
    const struct holder *right = *(const struct holder *const *)b;
    if (left->process != right->process)
        return left->process < right->process ? -1 : 1;
    return (left->fd > right->fd) - (left->fd < right->fd);
}

/* Processes, not threads and not descriptors: one that holds it twice shares it with nobody. */
static bool several_hold(const struct connection *connection)
{
    for (size_t i = 1; i < connection->holder_count; i++)
        if (connection->holders[i]->process != connection->holders[0]->process)
            return true;
    return false;
}

/* Who cannot be looked into may hold it as well. */
static void judge_sharing(struct audit *audit)
{
    bool is_unseen = audit->unseen.count > 0 || audit->unseen.hidden;
    for (size_t i = 0; i < audit->connection_count; i++) {
        struct connection *connection = &audit->connections[i];
        connection->shared = several_hold(connection) ? SHARED_YES
                             : is_unseen              ? SHARED_UNKNOWN
                                                      : SHARED_NO;
    }
}

static const struct holder **holder_list(size_t count)
{
    const struct holder **list = calloc(count + 1, sizeof(const struct holder *));
    if (list == NULL)
        give_up("out of memory");
    return list;
}

/* Gives each connection its holders. */
static void assign_holders(struct audit *audit)
{
    const struct holder **next = audit->held = holder_list(audit->holder_count);
    for (size_t i = 0; i < audit->connection_count; i++) {
        audit->connections[i].holders = next;
        next += audit->connections[i].holder_count;
        audit->connections[i].holder_count = 0;
    }
    for (size_t i = 0; i < audit->holder_count; i++) {
        struct connection *connection = &audit->connections[audit->holders[i].connection];
        connection->holders[connection->holder_count++] = &audit->holders[i];
    }
    for (size_t i = 0; i < audit->connection_count; i++)
        qsort(audit->connections[i].holders, audit->connections[i].holder_count,
              sizeof(const struct holder *), by_process);
}

static bool still_holds(const struct connection *connection, const struct holder *holder)
{
    return processes_socket_at(holder->task, holder->fd) == connection->inode;
}

/* Whoever holds a shared connection must hold it still when we look again. */
static void look_again(struct audit *audit)
{
    nanosleep(&second_look, NULL);
    for (size_t i = 0; i < audit->connection_count; i++) {
        struct connection *connection = &audit->connections[i];
        size_t count = 0;
        if (connection->shared != SHARED_YES)
            continue;
        for (size_t k = 0; k < connection->holder_count; k++)
            if (still_holds(connection, connection->holders[k]))
                connection->holders[count++] = connection->holders[k];
        connection->holder_count = count;
    }
}

static bool anything_is_shared(const struct audit *audit)
{
    for (size_t i = 0; i < audit->connection_count; i++)
        if (audit->connections[i].shared == SHARED_YES)
            return true;
    return false;
}

static void count_held(struct audit *audit)
{
    for (size_t i = 0; i < audit->connection_count; i++) {
        const struct connection *connection = &audit->connections[i];
        for (size_t k = 0; k < connection->holder_count && !connection->is_server_end; k++)
            if (k == 0 || connection->holders[k]->process != connection->holders[k - 1]->process)
                audit->processes[connection->holders[k]->process].held++;
    }
}

void holders_find(struct audit *audit)
{
    const struct processes_visitor visitor = {audit, add_process, add_holder};
    sort_connections(audit);
    audit->unseen = processes_visit(&visitor);
    assign_holders(audit);
    judge_sharing(audit);
    if (anything_is_shared(audit)) {
        look_again(audit);
        judge_sharing(audit);
    }
    count_held(audit);
}
