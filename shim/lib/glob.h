/*
 * glob.h: shell patterns over whole paths. '*' matches any text, '/' too; '?' one byte;
 * [abc], [a-z] and [!abc] one of a set. Pure; called by target.c.
 *
 * Not fnmatch(3): that may allocate and take the locale's lock, and this runs inside connect().
 */
#ifndef GLOB_H
#define GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_matches(const char *pattern, size_t pattern_length, const char *text, size_t text_length);

/* The same for a list of patterns separated by ':'. */
bool glob_list_matches(const char *patterns, const char *text, size_t text_length);

#endif
