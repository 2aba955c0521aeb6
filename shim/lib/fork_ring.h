/*
 * fork_ring.h: the forks that are under way, and what the registry replaced meanwhile.
 *
 * fork(2) copies the descriptors first and the memory later (Linux, copy_process). In between
 * another thread may close a number and connect on it again, however often: a number reused in
 * between leaves the child's record newer than its descriptor. So whatever a thread replaces or
 * forgets while a fork is under way it adds to this ring first, for the child to find.
 * tests/proof/fork_registry.pml is the same, for a model checker.
 *
 * Lock-free and async-signal-safe. Called by fork.c and registry.c.
 */
#ifndef FORK_RING_H
#define FORK_RING_H

#include <stdbool.h>
#include <stdint.h>

/* Before the real fork. Writes nothing while libc knows of one thread only. */
void fork_ring_begin(void);

/* After it, in both processes, or in the one there is if it failed. */
void fork_ring_end(bool in_child);

/* This identity was on record for fd; in a moment it is not. Nothing where nobody forks. */
void fork_ring_add(int fd, uint64_t identity);

/* In the child, before fork_ring_end: what was replaced since its fork began, the latest first.
 * Begin with *nth = 0; false at the end. The last 16,384 are kept. */
bool fork_ring_next(unsigned *nth, int *fd, uint64_t *identity);

#endif
