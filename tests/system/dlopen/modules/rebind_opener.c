/*
 * Opens modules on behalf of the program: a bare name and $ORIGIN mean something else here than
 * there, for they are looked up by the RUNPATH and the place of who calls dlopen().
 */
#include <dlfcn.h>

void *open_from_library(const char *file, int mode);

void *open_from_library(const char *file, int mode)
{
    void *volatile handle = dlopen(file, mode); /* no tail call: that would make it our caller's */
    return handle;
}
