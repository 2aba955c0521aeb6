/*
 * library.h: is the library such that a loader can preload it, and is it the only one?
 */
#ifndef REDISGUARD_CHECK_LIBRARY_H
#define REDISGUARD_CHECK_LIBRARY_H

#include <stdbool.h>

/* Findings about the file and where it lies. False: no loader could preload it. */
bool library_is_usable(const char *library);

/* Puts it first into our own LD_PRELOAD, unless it is in there, as for a command that is run. */
void library_preload(const char *library);

/* Does LD_PRELOAD hold this path? */
bool library_is_preloaded(const char *library);

#define GLOBAL_PRELOAD "/etc/ld.so.preload"

/* Findings about other copies of the library in LD_PRELOAD and in GLOBAL_PRELOAD. */
void library_seek_others(const char *library);

/* Does GLOBAL_PRELOAD, which glibc's loader reads for every program, name the library? */
bool library_is_global(void);

#endif
