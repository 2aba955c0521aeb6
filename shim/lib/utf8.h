/*
 * utf8.h: the one UTF-8 validator, of RFC 3629, and how text is shown that somebody else chose: by
 * line.c in the log, by the program in what it prints. Touches nothing but the text it is given.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The least and the greatest second byte behind this first one: no overlong form, no surrogate,
 * nothing above U+10FFFF. */
static inline bool utf8_may_follow(unsigned char first, unsigned char second)
{
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char greatest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= greatest;
}

/* How many bytes the character has that begins here; 0 where the text, of at most `limit` bytes or
 * up to its NUL, does not begin with one. */
static inline size_t utf8_length(const char *text, size_t limit)
{
    const unsigned char *at = (const unsigned char *)text;
    if (limit == 0 || at[0] == '\0' || (at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4)
        return 0;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length > limit || (length > 1 && !utf8_may_follow(at[0], at[1])))
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* A control character (C0, DEL, C1), one that ends a line (U+2028, U+2029), or one that turns the
 * writing direction round (U+202A to U+202E, U+2066 to U+2069): a reader could take it for more
 * than the text that it is part of. */
static inline bool utf8_is_control(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    if (length == 1)
        return at[0] < ' ' || at[0] == 0x7f;
    if (length == 2)
        return at[0] == 0xc2 && at[1] < 0xa0;
    if (length != 3 || at[0] != 0xe2)
        return false;
    return (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
           (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

enum { UTF8_SHOWN = 16 };

/*
 * What shows the character that begins here: itself; of a control character, and of one that is not
 * UTF-8, each byte as \x1b; two backslashes for one. Returns how many bytes of the text that is.
 */
static inline size_t utf8_show(const char *text, size_t limit, char shown[UTF8_SHOWN],
                               size_t *shown_length)
{
    size_t length = utf8_length(text, limit);
    size_t taken = length == 0 ? 1 : length;
    size_t end = 0;
    if (length > 0 && !utf8_is_control(text, length)) {
        memcpy(shown, text, length);
        end = length;
        if (text[0] == '\\')
            shown[end++] = '\\';
    } else {
        for (size_t i = 0; i < taken; i++) {
            unsigned char byte = (unsigned char)text[i];
            shown[end++] = '\\';
            shown[end++] = 'x';
            shown[end++] = "0123456789abcdef"[byte >> 4];
            shown[end++] = "0123456789abcdef"[byte & 15];
        }
    }
    *shown_length = end;
    return taken;
}

#endif
