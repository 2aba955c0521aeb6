/*
 * libdl.h: dlsym(3), also where libc.so.6 has none: before glibc 2.34. With the last such system,
 * Debian 11, real.c can call it itself, and this goes. Called by real.c.
 */
#ifndef LIBDL_H
#define LIBDL_H

/* More files whose functions are libc's own. */
#define LIBDL_FORMER_LIBC_FILES "libpthread.so.0", "libdl.so.2"

/* dlsym(RTLD_NEXT, symbol); where libdl.so.2 is not to be had, in an image that was trimmed say,
 * libc's own definition: a hook without a real function would end the program. */
void *libdl_next(const char *symbol);

#endif
