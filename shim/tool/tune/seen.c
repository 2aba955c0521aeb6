/*
 * seen.c: which connections were listed in the last round, and how often each was due. What is not
 * listed any more is forgotten: the memory is that of the connections that exist at one time.
 */
#include <stdlib.h>

#include "common/complain.h"
#include "tune/connection.h"

/* A client library may turn keepalive off after its connect(), as phpredis does, which is what the
 * second time is for. Whoever does so again and again is left alone. */
enum { TIMES_DUE = 3 };

struct record {
    uint64_t cookie;
    uint64_t network; /* before Linux 5.5 each namespace counts its own cookies */
    unsigned due;     /* so often */
};

static struct list {
    struct record *records;
    size_t count, room;
} last, next; /* last is sorted */

static int by_cookie(const void *a, const void *b)
{
    const struct record *left = a;
    const struct record *right = b;
    if (left->cookie != right->cookie)
        return left->cookie < right->cookie ? -1 : 1;
    return (left->network > right->network) - (left->network < right->network);
}

static void add(struct list *list, struct record record)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->records = reallocarray(list->records, list->room, sizeof record);
        if (list->records == NULL)
            give_up("out of memory");
    }
    list->records[list->count++] = record;
}

void seen_begin(void)
{
    next.count = 0;
}

bool seen_is_due(uint64_t cookie, ino_t network, bool silent, bool *again)
{
    struct record record = {.cookie = cookie, .network = network};
    const struct record *known = NULL;
    if (last.count > 0)
        known = bsearch(&record, last.records, last.count, sizeof record, by_cookie);
    if (known != NULL)
        record.due = known->due;
    bool is_due = known == NULL || (silent && known->due < TIMES_DUE);
    record.due += is_due;
    *again = known != NULL;
    add(&next, record);
    return is_due;
}

void seen_end(void)
{
    struct list forgotten = last;
    if (next.count > 0)
        qsort(next.records, next.count, sizeof *next.records, by_cookie);
    last = next;
    next = forgotten;
}
