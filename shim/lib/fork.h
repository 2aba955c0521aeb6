/*
 * fork.h: the child's side of a fork: its inherited Redis connections are cut off.
 *
 * Runs in the child, where other threads are gone and their locks may be held for ever: system
 * calls and our own memory, nothing else. Called by the pthread_atfork handler (which also sees a
 * fork that passed our hooks by) and by the fork hooks (which also see _Fork, and a fork before our
 * constructor has run).
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

/* Between the two a fork of this thread hands its connections over: daemon(3). */
void daemon_begin(void);
void daemon_end(void);

/* Is this thread in between? */
bool fork_hands_over(void);

/* With TRAP: is this a forked child of the program that was started? daemon(3) does not count. */
bool fork_is_child(void);

#endif
