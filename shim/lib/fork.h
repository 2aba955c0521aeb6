/*
 * fork.h: the child's side of a fork: its inherited Redis connections are cut off.
 *
 * Runs in the child, where other threads are gone and their locks may be held for ever: system
 * calls and our own memory, nothing else. Called by the pthread_atfork handlers (which libc also
 * runs for a fork that bypassed our hooks) and by the fork hooks (for _Fork, and for a fork before
 * our constructor has run).
 */
#ifndef FORK_H
#define FORK_H

#include <stdbool.h>

/* How many forks this thread has gone through, in the child each. */
unsigned fork_generation(void);

/* In a child: cuts off whatever is on record, as REDISGUARD_FORK says. */
void fork_sever(void);

/* The same, unless it has been done since `generation` was read, before the fork. */
void fork_sever_since(unsigned generation);

/* Around each fork, as pthread_atfork(3) runs its handlers. The last cuts off, unless that is done.
 */
void fork_prepare(void);
void fork_parent(void);
void fork_child(void);

/*
 * libc runs the child's handlers in the order in which they were registered, and one before ours
 * may connect: in such a child this cuts off first, so that the new connection is not taken for an
 * inherited one. Called before anything is recorded or copied; elsewhere it costs a few
 * instructions.
 */
void fork_cut_first(void);

/* Between the two a fork of this thread hands its connections over: daemon(3). */
void daemon_begin(void);
void daemon_end(void);

/* Is this thread in between? */
bool fork_hands_over(void);

/* With TRAP: is this a forked child of the program that was started? daemon(3) does not count. */
bool fork_is_child(void);

#endif
