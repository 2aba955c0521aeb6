/*
 * holders.c: who holds which connection, and is one shared? machine/processes.c walks through
 * /proc.
 */
#include <stdlib.h>
#include <time.h>

#include "audit.h"
#include "machine/processes.h"

/* For some instants a child between vfork and exec holds what its parent holds, and another audit
 * what it asks for options. */
static const struct timespec second_look = {.tv_nsec = 250000000};

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

static void add_holder(void *context, const struct socket_descriptor *descriptor)
{
    struct audit *audit = context;
    const struct connection *connection = connection_of(audit, descriptor->inode);
    if (connection == NULL)
        return;
    size_t process = process_of(audit, descriptor->pid);
    *APPEND(audit->holders, audit->holder_count) =
        (struct holder){.connection = (size_t)(connection - audit->connections),
                        .process = process,
                        .task = descriptor->task,
                        .fd = descriptor->fd};
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
static void assign_holders(struct audit *audit)
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
    return processes_socket_at(holder->task, holder->fd) ==
           audit->connections[holder->connection].inode;
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
    struct processes_visitor visitor = {.context = audit, .socket = add_holder};
    audit->unseen = processes_visit(&visitor).count;
    assign_holders(audit);
    if (anything_is_shared(audit)) {
        look_again(audit);
        assign_holders(audit);
    }
}
