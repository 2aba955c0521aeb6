/*
 * strings.h: what <string.h> lacks. The program lives for a moment and frees no string.
 */
#ifndef REDISGUARD_TOOL_STRINGS_H
#define REDISGUARD_TOOL_STRINGS_H

#include <stdbool.h>

/* asprintf(3) that cannot fail: out of memory ends the program. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What follows the last slash. */
const char *base_name(const char *path);

/* Cuts blanks and newlines off both ends. */
char *trimmed(char *words);

bool starts_with(const char *string, const char *start);

/* Is this word one of a list that is separated by single spaces? NULL: an empty list. */
bool lists(const char *list, const char *word);

#endif
