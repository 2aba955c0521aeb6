/*
 * glob.c: matches without recursion and in bounded time; see glob.h.
 */
#include "glob.h"

#include "text.h"

/*
 * Matches one byte against the set that opens at pattern[0] == '['. Returns the length of the set,
 * or 0 where no ']' ends it: then the bracket stands for itself, as in the shell.
 */
static size_t match_set(const char *pattern, size_t length, char byte, bool *matched)
{
    size_t at = 1;
    bool negated = at < length && (pattern[at] == '!' || pattern[at] == '^');
    bool found = false;
    at += negated ? 1 : 0;
    for (size_t first = at; at < length; at++) {
        if (pattern[at] == ']' && at > first) {
            *matched = found != negated;
            return at + 1;
        }
        unsigned char low = (unsigned char)pattern[at];
        unsigned char high = low;
        if (at + 2 < length && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
            high = (unsigned char)pattern[at + 2];
            at += 2;
        }
        found = found || (low <= (unsigned char)byte && (unsigned char)byte <= high);
    }
    return 0;
}

/* How many bytes of the pattern match this byte of the text; 0 where they do not. */
static size_t match_one(const char *pattern, size_t length, char byte)
{
    if (length == 0)
        return 0;
    if (pattern[0] == '?')
        return 1;
    if (pattern[0] == '[') {
        bool matched = false;
        size_t set = match_set(pattern, length, byte, &matched);
        if (set > 0)
            return matched ? set : 0;
    }
    return pattern[0] == byte ? 1 : 0;
}

bool glob_matches(const char *pattern, size_t pattern_length, const char *text, size_t text_length)
{
    size_t p = 0;
    size_t t = 0;
    size_t after_star = 0; /* where to resume when a later part fails: a star takes one byte more */
    size_t star_text = 0;
    bool starred = false;
    while (t < text_length) {
        if (p < pattern_length && pattern[p] == '*') {
            starred = true;
            after_star = ++p;
            star_text = t;
            continue;
        }
        size_t step = match_one(pattern + p, pattern_length - p, text[t]);
        if (step > 0) {
            p += step;
            t++;
        } else if (starred) {
            p = after_star;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern_length && pattern[p] == '*')
        p++;
    return p == pattern_length;
}

bool glob_list_matches(const char *patterns, const char *text, size_t text_length)
{
    for (const char *pattern = patterns;; pattern++) {
        const char *end = pattern + text_until(pattern, ':');
        if (glob_matches(pattern, (size_t)(end - pattern), text, text_length))
            return true;
        if (*end == '\0')
            return false;
        pattern = end;
    }
}
