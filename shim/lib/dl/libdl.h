/*
 * libdl.h: where dlsym(3) and dlerror(3) are before glibc 2.34. Goes, with libdl.c, when Debian 11
 * does. Called by real.c.
 */
#ifndef LIBDL_H
#define LIBDL_H

/* More files whose functions are libc's own. */
#define LIBDL_FORMER_LIBC_FILES "libpthread.so.0", "libdl.so.2"

struct libdl {
    void *(*dlsym)(void *module, const char *symbol);
    char *(*dlerror)(void);
};

/* NULL where they are not to be had. */
struct libdl libdl_find(void);

/* libc's own definition, then: the libraries between are left out. */
void *libdl_definition_in_libc(const char *symbol);

#endif
