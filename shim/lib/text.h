/*
 * text.h: what the guard asks of strings. Touches nothing.
 *
 * Why not libc's: each function that the library imports is looked up at every start of every
 * program, some 700 instructions in glibc 2.36, and brings a page of libc in. What is asked here is
 * asked once a program, or of a name or a path.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes come before the first `end`, or before the end of the text. */
static inline size_t text_until(const char *text, char end)
{
    size_t length = 0;
    while (text[length] != end && text[length] != '\0')
        length++;
    return length;
}

static inline size_t text_length(const char *text)
{
    return text_until(text, '\0');
}

/* The same, and never looks further than `limit`. */
static inline size_t text_length_within(const char *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length] != '\0')
        length++;
    return length;
}

static inline bool text_has(const char *text, char c)
{
    return text[text_until(text, c)] == c;
}

/* What comes after the beginning, or NULL where the text begins otherwise. */
static inline const char *text_after(const char *text, const char *beginning)
{
    for (; *beginning != '\0'; beginning++, text++)
        if (*text != *beginning)
            return NULL;
    return text;
}

static inline bool text_is(const char *text, const char *other)
{
    const char *rest = text_after(text, other);
    return rest != NULL && *rest == '\0';
}

static inline bool text_is_one_of(const char *text, const char *const others[], int count)
{
    for (int i = 0; i < count; i++)
        if (text_is(text, others[i]))
            return true;
    return false;
}

/* What comes after the last '/' of a path. */
static inline const char *text_last_part(const char *path)
{
    const char *part = path;
    for (; *path != '\0'; path++)
        if (*path == '/')
            part = path + 1;
    return part;
}

#endif
