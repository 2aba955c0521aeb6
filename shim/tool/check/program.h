/*
 * program.h: what the file of a program says about itself, before anything is run: would its loader
 * preload the library at all, and would that be of use?
 */
#ifndef REDISGUARD_CHECK_PROGRAM_H
#define REDISGUARD_CHECK_PROGRAM_H

#include <stdbool.h>

bool program_is_elf(const char *path);

/* An ELF file that names no loader. */
bool program_is_static(const char *path);

/* Findings about privileges that the file gives, for which a loader drops LD_PRELOAD. False: it
 * would, for this user, and what the program starts does not get it either. */
bool program_keeps_preload(const char *path, const char *cure);

enum libc { NO_LIBC, GLIBC, MUSL };

/* Findings about an ELF file: whose loader would preload the library into it? NO_LIBC: none would,
 * so it must not be run. */
enum libc program_libc(const char *path, const char *library);

#endif
