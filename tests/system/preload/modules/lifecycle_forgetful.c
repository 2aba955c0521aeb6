/*
 * A library whose constructor leaves the program without any environment: where it runs before the
 * guard's, that one finds none.
 */
#include <stddef.h>
#include <unistd.h>

__attribute__((constructor)) static void forget(void)
{
    environ = NULL;
}
