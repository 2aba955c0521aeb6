/*
 * counters.h: how often the library has done what it is there for, in this process since it began
 * or was forked. They cost an instruction each, and no system call: redisguard --audit finds them
 * in the memory of the process, by the note (note.h). All wrap around at 2^32.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

/* The order is that of the note: a new one goes to the end. */
enum counter {
    COUNT_GUARDED,  /* connections */
    COUNT_CUT_OFF,  /* inherited connections, in a child */
    COUNT_RESTORED, /* options that the program had set otherwise */
    COUNT_RESET,    /* half-open connections whose other end is gone */
    COUNT_REFUSED,  /* connects, by REDISGUARD_TRAP */
    COUNT_REBOUND,  /* GOT entries of modules */
    COUNTERS
};

void count(enum counter counter);

/* In a child: what its parent has done is the parent's. */
void counters_forget(void);

#endif
