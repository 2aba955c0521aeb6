/*
 * array.c: see array.h.
 */
#include "common/array.h"

#include <stdlib.h>
#include <string.h>

#include "common/complain.h"

/* Grows to the next power of two when it holds one. */
void *append(void *array, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0)
        array = reallocarray(array, count == 0 ? 1 : count * 2, size);
    if (array == NULL)
        give_up("out of memory");
    memset((char *)array + count * size, 0, size);
    return array;
}
