/*
 * Fuzz target of shim/lib/glob.c: any list of patterns, any path. The input is the list, a NUL, and
 * the path, which may hold every byte. Oracle: fnmatch(3), where the two speak the same language;
 * for the rest, what must hold between one match and another. Reads nothing but the input.
 */
#include "glob.h"

#include <fnmatch.h>
#include <stdbool.h>

#include "fuzz.h"
#include "redisguard.h"

/* fnmatch(3) may look at a path again for every star; an address holds 108 bytes. */
enum { PATH_AT_MOST = 108, STARS_AT_MOST = 6 };

struct bytes {
    const char *at;
    size_t length;
};

static bool matches(struct bytes pattern, struct bytes path)
{
    char *exact_pattern = copy_of(pattern.at, pattern.length);
    char *exact_path = copy_of(path.at, path.length);
    bool result = glob_matches(exact_pattern, pattern.length, exact_path, path.length);
    free(exact_pattern);
    free(exact_path);
    return result;
}

static bool holds(struct bytes text, const char *any_of)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] != '\0' && strchr(any_of, text.at[i]) != NULL)
            return true;
    return false;
}

static int stars_in(struct bytes pattern)
{
    int stars = 0;
    for (size_t i = 0; i < pattern.length; i++)
        stars += pattern.at[i] == '*';
    return stars;
}

/* Where no ']' ends the set POSIX has '[' stand for itself; glibc 2.36 matches nothing for "[w-".
 */
static bool every_set_ends(struct bytes pattern)
{
    size_t after = 0; /* the last '[' */
    for (size_t i = 0; i < pattern.length; i++)
        if (pattern.at[i] == '[')
            after = i + 1;
    return after == 0 || memchr(pattern.at + after, ']', pattern.length - after) != NULL;
}

/* Classes such as [:alpha:] are not ours, and what a range means is the locale's above ASCII. */
static bool fnmatch_agrees_on(struct bytes pattern, struct bytes path)
{
    for (size_t i = 0; i < pattern.length; i++) {
        bool class = pattern.at[i] == '[' && i + 1 < pattern.length && pattern.at[i + 1] != '\0' &&
                     strchr(":.=", pattern.at[i + 1]) != NULL;
        if (class || (signed char)pattern.at[i] <= 0)
            return false;
    }
    for (size_t i = 0; i < path.length; i++)
        if ((signed char)path.at[i] <= 0)
            return false;
    return stars_in(pattern) <= STARS_AT_MOST && every_set_ends(pattern);
}

static void expect_as_fnmatch(struct bytes pattern, struct bytes path, bool matched)
{
    if (!fnmatch_agrees_on(pattern, path))
        return;
    char *pattern_string = string_of(pattern.at, pattern.length);
    char *path_string = string_of(path.at, path.length);
    MUST(matched == (fnmatch(pattern_string, path_string, FNM_NOESCAPE) == 0));
    free(pattern_string);
    free(path_string);
}

static void expect_plain_text_to_match_itself_alone(struct bytes pattern, struct bytes path,
                                                    bool matched)
{
    if (holds(pattern, "*?["))
        return;
    bool same = pattern.length == path.length && memcmp(pattern.at, path.at, path.length) == 0;
    MUST(matched == same);
    MUST(matches(pattern, pattern));
}

/* A star in front, or at the end, only ever lets more through. Behind "[" it would be in a set. */
static void expect_a_star_to_match_more(struct bytes pattern, struct bytes path, bool matched)
{
    char *starred = malloc(pattern.length + 1);
    MUST(starred != NULL);
    starred[0] = '*';
    memcpy(starred + 1, pattern.at, pattern.length);
    MUST(!matched || matches((struct bytes){starred, pattern.length + 1}, path));
    memmove(starred, starred + 1, pattern.length);
    starred[pattern.length] = '*';
    MUST(!matched || holds(pattern, "[") ||
         matches((struct bytes){starred, pattern.length + 1}, path));
    free(starred);
}

static bool check_pattern(struct bytes pattern, struct bytes path)
{
    bool matched = matches(pattern, path);
    expect_as_fnmatch(pattern, path, matched);
    expect_plain_text_to_match_itself_alone(pattern, path, matched);
    expect_a_star_to_match_more(pattern, path, matched);
    return matched;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t list_length = strnlen((const char *)data, size);
    if (list_length == size || list_length > REDISGUARD_UNIX_LENGTH ||
        size - list_length - 1 > PATH_AT_MOST)
        return 0;
    struct bytes path = {(const char *)data + list_length + 1, size - list_length - 1};
    char *list = string_of(data, list_length);
    bool one_matched = false;
    for (char *at = list; at <= list + list_length; at += strcspn(at, ":") + 1)
        one_matched = check_pattern((struct bytes){at, strcspn(at, ":")}, path) || one_matched;
    char *exact_path = copy_of(path.at, path.length);
    MUST(glob_list_matches(list, exact_path, path.length) == one_matched);
    free(exact_path);
    free(list);
    return 0;
}
