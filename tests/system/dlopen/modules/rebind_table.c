/*
 * Keeps libc's functions in a table, bound by plain addresses: as it is here, in memory that the
 * loader makes read-only; flags.mk also builds it with WRITABLE.
 */
#undef _GNU_SOURCE /* with it glibc declares connect with a union in place of the pointer */
#define _DEFAULT_SOURCE 1

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef WRITABLE
#define REBIND_CALLS_ARE
#endif
#include "rebind_calls.h"

int dup3(int from, int to, int flags);
pid_t _Fork(void);

REBIND_CALLS_ARE struct calls rebind_calls = {
    .connect = connect,
    .setsockopt = setsockopt,
    .fork_no_handlers = _Fork,
    .dup = dup,
    .dup2 = dup2,
    .dup3 = dup3,
    .fcntl = fcntl,
    .dlopen = dlopen,
    .getppid = getppid,
};
