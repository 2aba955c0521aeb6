/*
 * array.h: arrays that grow by one element.
 */
#ifndef REDISGUARD_TOOL_ARRAY_H
#define REDISGUARD_TOOL_ARRAY_H

#include <stddef.h>

/* Points to one more element at the end, all zero; gives up without memory. */
#define APPEND(array, count)                                                                       \
    ((array) = append((array), (count)++, sizeof *(array)), &(array)[(count)-1])
void *append(void *array, size_t count, size_t size);

#endif
