/*
 * libdl.c: dlsym(3) before glibc 2.34; see libdl.h.
 *
 * It was in libdl.so.2 then. To need that file would have every program load it at its start,
 * which doubles what the guard costs there, and since then for nothing. So where nobody has loaded
 * it, it is fetched by glibc's private entry points.
 */
#include "dl/libdl.h"

#include <dlfcn.h>
#include <limits.h>
#include <stddef.h>

#include "hot_bss.h"

#pragma weak dlsym
extern void *__libc_dlopen_mode(const char *file, int mode) __attribute__((weak));
extern void *__libc_dlsym(void *module, const char *symbol) __attribute__((weak));

#define RTLD_DLOPEN_PRIVATE INT_MIN /* glibc's __RTLD_DLOPEN */

static void *find_privately(const char *file, const char *symbol)
{
    if (__libc_dlopen_mode == NULL || __libc_dlsym == NULL)
        return NULL;
    void *opened = __libc_dlopen_mode(file, RTLD_NOW | RTLD_DLOPEN_PRIVATE);
    return opened == NULL ? NULL : __libc_dlsym(opened, symbol);
}

void *libdl_next(const char *symbol)
{
    static HOT_BSS void *(*found)(void *module, const char *symbol);
    void *(*find)(void *, const char *) = dlsym != NULL ? dlsym : found;
    if (find == NULL) {
        *(void **)(void *)&find = find_privately("libdl.so.2", "dlsym");
        found = find;
    }
    return find != NULL ? find(RTLD_NEXT, symbol) : find_privately("libc.so.6", symbol);
}
