/*
 * seen.c: which connections were listed in the last round, and how often each was due. What is not
 * listed any more is forgotten: the memory is that of the connections that exist at one time.
 */
#include <stdlib.h>

#include "common/complain.h"
#include "tune/round.h"

struct record {
    uint64_t cookie;  /* 0: free, as no socket has it */
    uint64_t network; /* before Linux 5.5 each namespace counts its own cookies */
    unsigned due;     /* so often it was due */
};

enum { LEAST = 256 }; /* size of a table */

/* Open addressing; at most half of it is in use. */
static struct table {
    struct record *records;
    size_t size; /* a power of two, or 0 */
    size_t count;
} last, next;

/* Where it is, or where it would be. */
static struct record *place_of(const struct table *table, uint64_t cookie, ino_t network)
{
    size_t at = (size_t)((cookie + network) * 0x9e3779b97f4a7c15U >> 20);
    for (;; at++) {
        struct record *record = &table->records[at & (table->size - 1)];
        if (record->cookie == 0 || (record->cookie == cookie && record->network == network))
            return record;
    }
}

static void make_room(struct table *table)
{
    struct table larger = {.size = table->size == 0 ? LEAST : table->size * 2};
    if (table->count * 2 < table->size)
        return;
    larger.records = calloc(larger.size, sizeof *larger.records);
    if (larger.records == NULL)
        give_up("out of memory");
    larger.count = table->count;
    for (size_t i = 0; i < table->size; i++) {
        const struct record *record = &table->records[i];
        if (record->cookie != 0)
            *place_of(&larger, record->cookie, (ino_t)record->network) = *record;
    }
    free(table->records);
    *table = larger;
}

void seen_begin(void)
{
    free(next.records);
    next = (struct table){.size = last.size};
    while (next.size > LEAST && next.size > last.count * 8)
        next.size /= 2;
    if (next.size == 0)
        return;
    next.records = calloc(next.size, sizeof *next.records);
    if (next.records == NULL)
        give_up("out of memory");
}

unsigned seen_times_due(uint64_t cookie, ino_t network)
{
    return last.size > 0 ? place_of(&last, cookie, network)->due : 0;
}

void seen_record(uint64_t cookie, ino_t network, unsigned times_due)
{
    make_room(&next);
    struct record *record = place_of(&next, cookie, network);
    next.count += record->cookie == 0;
    *record = (struct record){cookie, network, times_due};
}

void seen_end(void)
{
    struct table forgotten = last;
    last = next;
    next = forgotten;
}
