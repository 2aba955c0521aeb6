/*
 * libdl.c: dlsym(3) and dlerror(3) where libc.so.6 has neither; see libdl.h.
 *
 * Before glibc 2.34 they were in libdl.so.2. To need that file would have every program load it at
 * its start, which doubles what the guard costs there, and since then for nothing. So where nobody
 * has loaded it, it is fetched by glibc's private entry points.
 */
#include "dl/libdl.h"

#include <dlfcn.h>
#include <limits.h>
#include <stddef.h>

#pragma weak dlsym
#pragma weak dlerror
extern void *__libc_dlopen_mode(const char *file, int mode) __attribute__((weak));
extern void *__libc_dlsym(void *module, const char *symbol) __attribute__((weak));

#define RTLD_DLOPEN_PRIVATE INT_MIN /* glibc's __RTLD_DLOPEN */

static void *private_dlsym(const char *file, const char *symbol)
{
    if (__libc_dlopen_mode == NULL || __libc_dlsym == NULL)
        return NULL;
    void *opened = __libc_dlopen_mode(file, RTLD_NOW | RTLD_DLOPEN_PRIVATE);
    return opened == NULL ? NULL : __libc_dlsym(opened, symbol);
}

struct libdl libdl_find(void)
{
    struct libdl libdl = {.dlsym = dlsym, .dlerror = dlerror};
    if (libdl.dlsym == NULL) {
        *(void **)(void *)&libdl.dlsym = private_dlsym("libdl.so.2", "dlsym");
        *(void **)(void *)&libdl.dlerror = private_dlsym("libdl.so.2", "dlerror");
    }
    return libdl;
}

void *libdl_definition_in_libc(const char *symbol)
{
    return private_dlsym("libc.so.6", symbol);
}
