/*
 * inherited.c: the parent's side of a fork; see inherited.h. Touches nothing but what it remembers
 * itself: a child has no use for a line of its own about each of a hundred connections, and an
 * operator none for a hundred children's.
 */
#include "inherited.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "fork.h"
#include "kernel.h"
#include "log.h"
#include "registry.h"
#include "target.h"

enum {
    PLACES = 1024, /* where two numbers share one, a line may come again */
    ASKED_AT_MOST = 64,
};

static _Atomic uint64_t reported[PLACES]; /* identities; untouched, it takes no memory */
static atomic_int resume;                 /* the number where the last fork had enough, or 0 */

static void write_line(int fd, const struct record *record)
{
    struct target_name peer;
    target_name(&peer, &record->endpoint, fd);
    intmax_t age = kernel_clock(CLOCK_MONOTONIC_COARSE) - record->opened;
    if (config()->fork == FORK_CLOSE)
        log_write(
            LOG_LEVEL_INFO,
            "descriptor %d is inherited by forked children and closed there: %s, opened %jd s "
            "ago",
            fd, peer.text, age);
    else
        log_write(LOG_LEVEL_INFO,
                  "descriptor %d is inherited by forked children and cut off there: %s, opened %jd "
                  "s ago",
                  fd, peer.text, age);
}

static bool is_reported(uint64_t identity)
{
    for (int i = 0; i < PLACES; i++)
        if (atomic_load_explicit(&reported[i], memory_order_relaxed) == identity)
            return true;
    return false;
}

/* A copy of a connection that was reported is no other connection. Another thread may fork too: it
 * is the one that takes the place that writes the line. */
static void report(int fd)
{
    struct record record;
    uint64_t identity = registry_identify(fd);
    if (identity == 0 || !registry_knows(fd, identity) || !registry_holds(fd, &record) ||
        record.endpoint.family == AF_UNSPEC)
        return;
    bool is_copy = is_reported(identity);
    if (atomic_exchange(&reported[fd % PLACES], identity) != identity && !is_copy)
        write_line(fd, &record);
}

void inherited_report(void)
{
    if (!log_wants(LOG_LEVEL_INFO) || config()->fork == FORK_OFF || fork_hands_over())
        return;
    int asked = 0;
    int fd = registry_next(atomic_load(&resume) - 1);
    for (; fd >= 0 && asked < ASKED_AT_MOST; fd = registry_next(fd))
        if (!registry_knows(fd, atomic_load(&reported[fd % PLACES]))) {
            report(fd);
            asked++;
        }
    atomic_store(&resume, fd < 0 ? 0 : fd);
}
