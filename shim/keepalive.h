/*
 * keepalive.h: the tuning of one socket. The only file that knows TCP options.
 *
 * Called by guard.c before the handshake, and by the setsockopt hook after the program's own call.
 */
#ifndef KEEPALIVE_H
#define KEEPALIVE_H

#include <stdbool.h>

/*
 * Sets the five options. False, and nothing was set, where the socket is not TCP, or is connected,
 * connecting or listening: then the real connect has something to say, and it is not ours.
 */
bool keepalive_tune(int fd);

/* Is this one of the five options? A few instructions: every setsockopt(2) pays for them. */
bool keepalive_owns(int level, int name);

/* Sets that one option of the five to our value again. */
void keepalive_restore(int fd, int level, int name);

#endif
