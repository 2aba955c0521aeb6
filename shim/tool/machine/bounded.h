/*
 * bounded.h: work that may never come back. Who reads another process's memory waits for its pages,
 * and a page of a file on FUSE comes when somebody pleases to send it. So a child does it, and is
 * left behind when it makes no progress.
 */
#ifndef REDISGUARD_TOOL_BOUNDED_H
#define REDISGUARD_TOOL_BOUNDED_H

#include <stddef.h>

/* Memory, all zero, in which the child's results can be seen. */
void *bounded_memory(size_t size);

struct bounded_work {
    void *context;
    void (*work)(void *context, size_t item); /* in the child; descriptors 1 and up are closed */
    void (*abandoned)(void *context, size_t item); /* it took too long, or crashed; in a process of
                                                      its own perhaps, as its memory shows */
};

/* Does the work for each item below count. An item may take from 1 to 2 s; when three
 * have taken longer, a tenth of that. */
void bounded_each(size_t count, const struct bounded_work *work);

#endif
