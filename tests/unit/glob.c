/*
 * glob.c: the tests of shim/lib/glob.c. Oracle: fnmatch(3) without flags but FNM_NOESCAPE, because
 * '*' is to match '/' too and a backslash is to be an ordinary byte.
 */
#include "glob.h"

#include <criterion/criterion.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "redisguard.h"
#include "unit.h"

TestSuite(glob, .timeout = 20);

static bool matches(const char *pattern, const char *path)
{
    return glob_matches(pattern, strlen(pattern), path, strlen(path));
}

static void expect_as_fnmatch(const char *pattern, const char *path)
{
    bool expected = fnmatch(pattern, path, FNM_NOESCAPE) == 0;
    cr_expect_eq(matches(pattern, path), expected, "\"%s\" must %smatch \"%s\"", pattern,
                 expected ? "" : "not ", path);
}

/* Text of up to 8 bytes, each one of the alphabet. */
static void make_random(char *made, const char *alphabet, unsigned short seed[3])
{
    long length = nrand48(seed) % 9;
    for (long i = 0; i < length; i++)
        made[i] = alphabet[(size_t)nrand48(seed) % strlen(alphabet)];
    made[length] = '\0';
}

static void expect_random_as_fnmatch(const char *pattern_alphabet, const char *path_alphabet)
{
    unsigned short seed[3] = {1, 22, 333}; /* always the same patterns and paths */
    for (int i = 0; i < 100000; i++) {
        char pattern[16];
        char path[16];
        make_random(pattern, pattern_alphabet, seed);
        make_random(path, path_alphabet, seed);
        expect_as_fnmatch(pattern, path);
    }
}

Test(glob, random_patterns_of_stars_and_question_marks_match_as_in_fnmatch)
{
    expect_random_as_fnmatch("ab/**?", "ab/");
}

Test(glob, random_patterns_with_brackets_match_as_in_fnmatch)
{
    expect_random_as_fnmatch("abc*?[[]]!-^", "abc[]-!^");
}

Test(glob, random_sets_match_as_in_fnmatch)
{
    unsigned short seed[3] = {4, 55, 666};
    for (int i = 0; i < 50000; i++) {
        char inside[16];
        char byte[2] = {"abcde-]![^"[nrand48(seed) % 10], '\0'};
        make_random(inside, "abcde-]!^", seed);
        expect_as_fnmatch(text("[%s]", inside), byte);
        expect_as_fnmatch(text("[!%s]", inside), byte);
    }
}

static const struct {
    const char *pattern;
    const char *path;
    bool expected;
} cases[] = {
    {REDISGUARD_UNIX_DEFAULT, "/run/redis/redis-server.sock", true},
    {REDISGUARD_UNIX_DEFAULT, "/run/redis.sock", true},
    {REDISGUARD_UNIX_DEFAULT, "redis.sock", true},
    {REDISGUARD_UNIX_DEFAULT, "/run/redis/server.sock", true},
    {REDISGUARD_UNIX_DEFAULT, "/run/redis.sock.old", false},
    {REDISGUARD_UNIX_DEFAULT, "/run/php/php8.2-fpm.sock", false},
    {REDISGUARD_UNIX_DEFAULT, "/run/Redis.sock", false},
    {"/run/*/s.sock", "/run/a/b/s.sock", true},
    {"/run/?/s.sock", "/run///s.sock", true},
    {"/run/redis[0-9].sock", "/run/redis7.sock", true},
    {"/run/redis[0-9].sock", "/run/redisx.sock", false},
    {"/run/redis[!0-9].sock", "/run/redisx.sock", true},
    {"/run/redis[!0-9].sock", "/run/redis7.sock", false},
    {"[]]", "]", true},
    {"[!]]", "]", false},
    {"[", "[", true},
    {"[a", "[a", true},
    {"[a", "a", false},
    {"a\\*", "a\\b", true},
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"?", "", false},
    {"\xc3\xa9*", "\xc3\xa9t\xc3\xa9", true},
    {"[\x80-\xff]", "\xe9", true},
    {"[\x80-\xff]", "e", false},
};

Test(glob, every_pattern_of_table_matches_as_written_there)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(matches(cases[i].pattern, cases[i].path), cases[i].expected,
                     "\"%s\" must %smatch \"%s\"", cases[i].pattern,
                     cases[i].expected ? "" : "not ", cases[i].path);
}

Test(glob, only_given_lengths_are_read)
{
    cr_assert(glob_matches("redis*XXX", 6, "redis.sock!!!", 10));
    cr_assert(!glob_matches("redis.sockXXX", 10, "redis.sock!!!", 13));
    cr_assert(glob_matches("[a]]", 3, "ab", 1));
    cr_assert(glob_matches("[a]", 2, "[a", 2), "the bracket that would end the set is not given");
    cr_assert(!glob_matches("redis*", 5, "redis.sock", 10));
    cr_assert(glob_matches("redis*", 5, "redis", 5));
    cr_assert(glob_matches("a", 0, "a", 0));
}

/* A matcher that tries every way to share the text out among the stars takes years for this. */
Test(glob, pattern_of_many_stars_is_decided_at_once)
{
    char path[108];
    memset(path, 'a', sizeof path);
    const char *stars = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
    cr_assert(!glob_matches(stars, strlen(stars), path, sizeof path));
    cr_assert(glob_matches(stars, strlen(stars) - 1, path, sizeof path));
}

Test(glob, list_matches_what_one_of_its_patterns_matches)
{
    const char *list = "/run/a.sock:*cache*:/srv/[xy].sock";
    const char *const matching[] = {"/run/a.sock", "/tmp/cache.7", "/srv/x.sock", "/srv/y.sock"};
    const char *const others[] = {"",      "/run/a",      "/run/a.sock:", "/run/a.sock:/tmp/c",
                                  "/srv/", "/srv/z.sock", "run/a.sock",   "/srv/[xy].sock"};
    for (size_t i = 0; i < COUNT(matching); i++)
        cr_expect(glob_list_matches(list, matching[i], strlen(matching[i])), "%s", matching[i]);
    for (size_t i = 0; i < COUNT(others); i++)
        cr_expect(!glob_list_matches(list, others[i], strlen(others[i])), "%s", others[i]);
}

Test(glob, list_of_one_and_empty_list_are_lists)
{
    cr_assert(glob_list_matches("*.sock", "a.sock", 6));
    cr_assert(!glob_list_matches("*.sock", "a.sock", 5));
    cr_assert(!glob_list_matches("", "a.sock", 6));
}
