/*
 * registry.h: which descriptors are guarded connections, and which socket each was when it was
 * recorded.
 *
 * Programs close descriptors by ways that no hook sees, so a number alone proves nothing: beside it
 * stands the socket's identity, and every answer given here was checked against the kernel first,
 * but for registry_may_hold. Lock-free and async-signal-safe; a fork at any instant finds each
 * record either there or absent. (What it says of the peer, for the log, may be half renewed.)
 * Called by guard.c, fork.c, half_open.c, inherited.c and the hooks.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "target.h"

/* One guarded descriptor, as it was when it was recorded. */
struct record {
    struct endpoint endpoint;
    pid_t opener;
    uint32_t opened; /* s on CLOCK_MONOTONIC; 0 where there is no log to tell it to */
};

/*
 * In a child: puts back on record which socket each number was when the fork copied it, where
 * another thread of the parent has replaced or forgotten that since.
 */
void registry_restore(void);

/* Says, in a child, that the records belong to this process from now on. Writes nothing where there
 * never was one: nearly every child is spared a copied page. */
void registry_adopt(void);

/* This identity has been connected again: takes the (perhaps new) peer over. False: it is no longer
 * on record for fd. */
bool registry_renew(int fd, uint64_t identity, const struct endpoint *endpoint);

/* What makes the socket behind fd that one and no other, as the kernel says; 0: it is none. */
uint64_t registry_identify(int fd);

/* Is that, for want of SO_COOKIE, an inode number? Those of sockets wrap at 2^32. */
bool registry_is_inode(uint64_t identity);

/* Is that one on record for fd? */
bool registry_knows(int fd, uint64_t identity);

/* What a record says of fd, stale or not. To be asked before registry_identify, for
 * registry_record: that replaces this and nothing newer. */
uint64_t registry_recorded(int fd);

/* Records that one as what is behind fd. False where it is none or there is no memory. */
bool registry_record(int fd, uint64_t replaced, uint64_t identity, const struct endpoint *endpoint);

/* Records `to`, a fresh copy of `from`, where that is recorded. False for want of memory. */
bool registry_copy(int from, int to);

/* Was nothing ever recorded? */
bool registry_is_empty(void);

/* Was something recorded, and the first of it by this process, or has it adopted the records? Not
 * so in a child of vfork(2), which shares our memory. */
bool registry_is_own(void);

/* `to` is a copy of `from`, which is not on record, but may be connected yet. Asks nobody; numbers
 * above 1,023 are not remembered. */
void registry_remember_copy(int from, int to);

/* Records the remembered copies of what was just recorded for fd. */
void registry_record_copies(int fd, uint64_t identity);

/* False: certainly not guarded. True: may be, the kernel was not asked. A few instructions. */
bool registry_may_hold(int fd);

/* For each remainder of 1,024: was a TCP connection recorded there, which nobody has found gone? */
extern atomic_bool registry_watched[1024];

/* In line, for close, dup2, dup3 and setsockopt: false is certain, true is said of few others. */
static inline bool registry_watches(int fd)
{
    return atomic_load_explicit(&registry_watched[(unsigned)fd % 1024], memory_order_relaxed);
}

/* The descriptor is no TCP socket any more. */
void registry_unwatch(int fd);

/* Is another descriptor on record for the same socket? Cost: the recorded ones. */
bool registry_has_copy(int fd);

/* Is the descriptor, at this moment, the socket on record? Then fills *record, unless NULL. */
bool registry_holds(int fd, struct record *record);

/* registry_holds, for a TCP connection: one whose options are ours to defend. */
bool registry_tunes(int fd);

/* Takes this identity off the record, and no other: another thread may have closed fd meanwhile,
 * and connected a new socket that was given its number. */
void registry_forget(int fd, uint64_t identity);

/* In a child, alone with its copy of the records: takes off whatever is on record for fd. */
void registry_drop(int fd);

/* Before a fork, in the parent: takes stale records off, a few at each fork, so that no child has
 * to look at every number that was ever recorded. */
void registry_prune(void);

/* The least recorded descriptor above `after`, or -1: begin with -1. Cost: the recorded ones. */
int registry_next(int after);

#endif
