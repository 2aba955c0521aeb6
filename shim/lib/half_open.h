/*
 * half_open.h: connections that died unanswered, and of which the server may still believe that
 * they live: a half-open connection (RFC 9293, 3.5.1). Its blocked BLPOP would take the next job.
 *
 * The cure is TCP's own: a SYN from the old address and port. The server's old connection answers
 * it with an ACK, our kernel answers that with RST, and the old connection is gone. The program's
 * own connection keeps to its free port; a knock, a socket of ours that lives for this call, sends
 * the SYN. That the knock connects is the proof: the server has no other connection of that address
 * and port any more.
 *
 * Lock-free and async-signal-safe. Called by guard.c, fork.c and the hooks.
 */
#ifndef HALF_OPEN_H
#define HALF_OPEN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "target.h"

/* How many are remembered; half_open.c alone writes it. */
extern atomic_int half_open_count;

/* Is any remembered? One load, in line for the hooks. */
static inline bool half_open_any(void)
{
    return __builtin_expect(atomic_load_explicit(&half_open_count, memory_order_relaxed) != 0, 0);
}

/* Is one of this peer remembered? */
bool half_open_knows(const struct endpoint *peer);

/* Remembers a dead connection for ten minutes; false where 1,024 others are already.
 * `has_orphan`: its close leaves a FIN to be sent, and the port taken as long as that takes. */
bool half_open_remember(const struct endpoint *peer, const struct endpoint *local, bool has_orphan);

/*
 * `fd`, a connection of the program, has just been established to that peer: knocks for those of
 * the peer that are remembered. A blocking descriptor waits for the proof, once, for 2 s at most
 * and not beyond its SO_SNDTIMEO; a non-blocking one 20 ms, as does a further call on the same
 * socket. What is not proven then is tried again at a later call, three times in all. Never fails,
 * and leaves fd as it is.
 */
void half_open_reset(const struct endpoint *peer, int fd);

/* A forked child remembers nothing: the connections were its parent's. */
void half_open_forget_all(void);

#endif
