/*
 * words.c: see words.h.
 */
#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text(const char *format, ...)
{
    char *result = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&result, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    return result;
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

char *trimmed(char *words)
{
    words += strspn(words, " \t");
    char *end = words + strlen(words);
    while (end > words && strchr(" \t\n", end[-1]) != NULL)
        *--end = '\0';
    return words;
}
