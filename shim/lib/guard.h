/*
 * guard.h: what happens to a connection to Redis: around its connect, and when its descriptor is
 * copied, replaced or closed. Called by the hooks.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "target.h"

/* What the registry said of a descriptor before it was connected. */
enum guard { GUARD_NONE, GUARD_NEW, GUARD_KNOWN };

/* The same, and the socket that the descriptor was then: 0 with GUARD_NONE. */
struct guarded {
    enum guard guard;
    uint64_t identity;
};

/*
 * Tunes and records the descriptor, before the handshake: a fork may fall anywhere after it.
 * GUARD_KNOWN: it is on record already, with what was tuned then. GUARD_NONE: it is no stream
 * socket, one that is connected, connecting or listening otherwise, or there was no memory.
 */
struct guarded guard_begin(int fd, const struct endpoint *endpoint);

/*
 * The real connect returned `result` with this errno. A socket that is neither connected nor
 * connecting is no connection, and goes off the record again; a new one that was given its number
 * meanwhile stays there.
 */
void guard_settle(int fd, const struct endpoint *endpoint, struct guarded guarded, int result,
                  int error);

/* The descriptor, which registry_watches, is about to be closed: was its peer still there? */
void guard_closing(int fd);

/* `fd` will be closed by dup2(from, fd) or dup3, if that succeeds. */
void guard_replacing(int from, int fd);

/* A connect that was under way on the descriptor may have succeeded meanwhile. */
void guard_connected(int fd);

/* `to` is a fresh copy of `from`: guarded as its original is. */
void guard_copy(int from, int to);

/* This socket was connected to something that is not Redis, or dissolved its connection. */
void guard_end(int fd, uint64_t identity);

/* REDISGUARD_TRAP: is this connect to be refused? */
bool guard_traps(int fd, const struct endpoint *endpoint);

#endif
