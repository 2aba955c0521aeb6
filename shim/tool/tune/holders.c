/*
 * holders.c: which processes hold the connections that are due. Reads /proc.
 */
#include <stdlib.h>

#include "common/complain.h"
#include "machine/processes.h"
#include "tune/round.h"

static int by_inode(const void *a, const void *b)
{
    unsigned long left = ((const struct connection *)a)->socket.inode;
    unsigned long right = ((const struct connection *)b)->socket.inode;
    return (left > right) - (left < right);
}

struct connection *tune_connection_of(const struct connections *connections, unsigned long inode)
{
    const struct connection wanted = {.socket.inode = inode};
    if (connections->count == 0)
        return NULL;
    return bsearch(&wanted, connections->items, connections->count, sizeof wanted, by_inode);
}

/* One process may have several descriptors of it, one after the other. */
static void add_holder(void *context, const struct socket_descriptor *descriptor)
{
    struct connection *found = tune_connection_of(context, descriptor->inode);
    if (found == NULL || found->last_holder == descriptor->pid)
        return;
    found->last_holder = descriptor->pid;
    if (found->holder_count < HOLDERS_KEPT)
        found->holders[found->holder_count] =
            (struct holder){descriptor->pid, descriptor->task, descriptor->fd};
    found->holder_count++;
}

static size_t visit_these(const struct processes_visitor *visitor, const pid_t *pids)
{
    size_t unseen = 0;
    for (; *pids != 0; pids++)
        if (!processes_visit_one(visitor, *pids)) {
            complain("process %d: its descriptors may not be looked at", (int)*pids);
            unseen++;
        }
    return unseen;
}

size_t tune_find_holders(struct connections *connections, const pid_t *pids)
{
    const struct processes_visitor visitor = {.context = connections, .socket = add_holder};
    if (connections->count > 0)
        qsort(connections->items, connections->count, sizeof *connections->items, by_inode);
    if (pids != NULL)
        return visit_these(&visitor, pids);
    struct processes_unseen unseen = processes_visit(&visitor);
    return unseen.count + unseen.hidden;
}
