/*
 * config_mistakes.c: the tests of shim/lib/config.c: values and names that it must not take, and
 * what it says of them.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "same_config.h"
#include "unit.h"

static size_t lines_of(const char *complaints)
{
    size_t lines = 0;
    for (; *complaints != '\0'; complaints++)
        lines += *complaints == '\n' ? 1 : 0;
    return lines;
}

#define SECONDS "a whole number of seconds from 1 to 32767; using the default, "
#define PROBES  "a whole number of probes from 1 to 127; using the default, 3"
#define MILLI   "a whole number of milliseconds from 0 to 2147483647; using the default, 45000"
#define DETECT  "a whole number of seconds from 3 to 32767; using the default, (unset)"
#define PORTS                                                                                      \
    "ports from 1 to 65535 and ranges, such as 6379,7000-7005; using the default, "                \
    "6379,6380,26379"
#define LOGS                                                                                       \
    "stderr or an absolute path, at most 4095 bytes without control characters; using the "        \
    "default, (unset)"
#define GLOBS                                                                                      \
    "globs separated by ':', at most 1023 bytes without control characters; using the default, "   \
    "*redis*.sock"

/* Each variable with what a complaint must say, and values that it must not take. */
static const struct {
    const char *name;
    const char *said;
    const char *values[24];
} bad[] = {
    {"KEEPIDLE",
     SECONDS "30",
     {"", "0", "-1", "+31", " 31", "31 ", "31s", "0x1f", "3e1", "31.0", "32768", "2147483648",
      "4294967327", "18446744073709551647", "\t31", "31\n", "31,", "thirty", "\xd9\xa3"}},
    {"KEEPINTVL", SECONDS "5", {"", "0", "-5", "+6", "32768", "6;", "six"}},
    {"KEEPCNT", PROBES, {"", "0", "128", "-3", "259", "4294967299", "3 "}},
    {"USER_TIMEOUT", MILLI, {"", "-1", "2147483648", "4294967296", "18446744073709551616", "45s"}},
    {"DETECT", DETECT, {"", "0", "1", "2", "32768", "-30", "30s", "off"}},
    {"PORTS", PORTS, {"",      "0",         "65536",      "0-10",      "1-65536", ",",
                      ",6379", "6379,",     "1,,2",       "7005-7000", "7000-",   "-7000",
                      "1-2-3", "6379 6380", "6379, 6380", "+6379",     "redis",   "6379;",
                      "71915", "6379-x",    "1-,2",       "4294973675"}},
    {"UNIX", GLOBS, {"", ":", "a:", ":a", "a::b", "a\nb", "\x7f"}},
    {"LOG",
     LOGS,
     {"/log\n", "/a\x1b[2Jb", "", "redisguard.log", "./log", "STDERR", "stderr ", "stdout",
      " /log"}},
    {"FORK",
     "sever, close or off; using the default, sever",
     {"", "Sever", "SEVER", "sever ", "sev", "severs", "0", "1", "on"}},
    {"DEEPBIND",
     "rebind or keep; using the default, rebind",
     {"", "strip", "0", "1", "Keep", "rebind,keep"}},
    {"LOG_LEVEL",
     "error, warn, info or debug; using the default, info",
     {"", "warning", "INFO", "2", "trace"}},
    {"FORCE",
     "0, 1 or tighten; using the default, 1",
     {"", "2", "-1", "00", "01", "1 ", "yes", "true", "Tighten"}},
    {"CLOEXEC", "0 or 1; using the default, 1", {"", "2", "on"}},
    {"STRICT", "0 or 1; using the default, 0", {"", "2", "on"}},
    {"PROBE", "0 or 1; using the default, 0", {"", "2", "on"}},
    {"TRAP", "0 or 1; using the default, 0", {"", "2", "on"}},
    {"DISABLE", "0 or 1; using the default, 0", {"", "2", "true"}},
};

static void expect_complaint(const char *name, const char *value, const char *said)
{
    struct reading *read = read_setting(name, value);
    char *shown = text("%s", "");
    for (const char *c = value; *c != '\0'; c++)
        shown = (unsigned char)*c < ' ' || *c == 0x7f ? text("%s\\x%02x", shown, (unsigned)*c)
                                                      : text("%s%c", shown, *c);
    char *expected =
        text("redisguard: " REDISGUARD_PREFIX "%s=\"%s\" is not %s\n", name, shown, said);
    cr_expect_str_eq(read->complaints, expected, "%s", read->complaints);
    cr_expect_eq(read->config.mistakes, 1);
    cr_expect(same_but_for_mistakes(&read->config, &read_settings(WORDS(NULL))->config),
              "%s=%s changed something", name, value);
}

Test(config, every_bad_value_is_reported_in_one_line_and_default_is_used)
{
    for (size_t i = 0; i < COUNT(bad); i++)
        for (size_t j = 0; bad[i].values[j] != NULL; j++)
            expect_complaint(bad[i].name, bad[i].values[j], bad[i].said);
}

/* A value of 100,000 bytes: its first sixty are shown. */
static void expect_huge_complaint(const char *name, const char *part, const char *said)
{
    struct reading *read = read_setting(name, repeated(part, 100000));
    char *expected = text("redisguard: " REDISGUARD_PREFIX "%s=\"%s...\" is not %s\n", name,
                          repeated(part, 60), said);
    cr_expect_str_eq(read->complaints, expected, "%s", read->complaints);
    cr_expect(same_but_for_mistakes(&read->config, &read_settings(WORDS(NULL))->config));
}

Test(config, bad_value_of_100_kB_is_reported_in_one_short_line)
{
    expect_huge_complaint("KEEPIDLE", "9", SECONDS "30");
    expect_huge_complaint("KEEPIDLE", "0", SECONDS "30");
    expect_huge_complaint("PORTS", "6379,", PORTS);
    expect_huge_complaint("PORTS", "1-", PORTS);
    expect_huge_complaint("UNIX", "*redis.sock:", GLOBS);
    expect_huge_complaint("FORK", "sever", "sever, close or off; using the default, sever");
    expect_huge_complaint("LOG", "/var", LOGS);
}

Test(config, globs_and_log_path_of_one_byte_too_many_are_reported)
{
    struct reading *read =
        read_settings(WORDS(text("UNIX=%s", repeated("r", REDISGUARD_UNIX_LENGTH + 1)),
                            text("LOG=%s", repeated("/", REDISGUARD_LOG_LENGTH + 1))));
    cr_expect_eq(lines_of(read->complaints), 2);
    cr_expect_eq(read->config.mistakes, 2);
    cr_expect_str_eq(read->config.unix_globs, "*redis*.sock");
    cr_expect_null(read->config.log);
}

Test(config, every_mistake_of_several_has_line_of_its_own)
{
    struct reading *read = read_settings(
        WORDS("KEEPIDLE=x", "KEEPINTVL=7", "FORK=x", "PORTS=x", "NO_SUCH=1", "USER_TIMEOUT=x"));
    cr_expect_eq(lines_of(read->complaints), 5);
    cr_expect_eq(read->config.mistakes, 5);
    cr_expect_eq(read->config.keepintvl, 7);
}

Test(config, complaint_names_derived_value_used_instead)
{
    struct reading *detect = read_settings(WORDS("KEEPIDLE=x", "DETECT=18"));
    cr_expect_eq(detect->config.keepidle, 12);
    cr_expect_not_null(strstr(detect->complaints, "; using the default, 12\n"));
    struct reading *formula = read_settings(WORDS("USER_TIMEOUT=x", "KEEPIDLE=100"));
    cr_expect_eq(formula->config.user_timeout, 115000);
    cr_expect_not_null(strstr(formula->complaints, "; using the default, 115000\n"));
}

Test(config, unknown_name_is_reported_with_known_ones)
{
    const char *const unknown[] = {"KEEPIDEL=7",  "PORT=6379", "=7",     "keepidle=7",
                                   "KEEPIDLE =7", "PORTSS=1",  "NO_SUCH"};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        struct reading *read = read_settings(WORDS(unknown[i]));
        char *name = text(REDISGUARD_PREFIX "%.*s", (int)strcspn(unknown[i], "="), unknown[i]);
        cr_expect_eq(strncmp(read->complaints, "redisguard: unknown variable ", 29), 0);
        cr_expect_not_null(strstr(read->complaints, name), "%s", read->complaints);
        cr_expect_eq(lines_of(read->complaints), 1);
        cr_expect_eq(read->config.mistakes, 1);
        for (size_t j = 0; j < COUNT(bad); j++)
            cr_expect_not_null(strstr(read->complaints, text(" %s", bad[j].name)));
        cr_expect(same_but_for_mistakes(&read->config, &read_settings(WORDS(NULL))->config));
    }
}

Test(config, unknown_name_gives_one_short_line_without_control_characters)
{
    struct reading *huge = read_settings(WORDS(text("%s=1", repeated("LONG", 100000))));
    cr_expect_eq(lines_of(huge->complaints), 1);
    cr_expect(strlen(huge->complaints) < 1024);
    struct reading *masked = read_settings(WORDS("BE\nLL\a\x1b[2J=1"));
    cr_expect_eq(lines_of(masked->complaints), 1);
    cr_expect_null(strpbrk(masked->complaints, "\a\x1b"));
}
