/*
 * config.c: the tests of shim/lib/config.c: the defaults, and every value that is taken.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "same_config.h"
#include "unit.h"

TestSuite(config, .timeout = 20);

Test(config, empty_environment_gives_documented_defaults)
{
    struct reading *read = read_settings(WORDS(NULL));
    const struct config *config = &read->config;
    cr_expect_str_empty(read->complaints);
    cr_expect_eq(config->mistakes, 0);
    cr_expect_eq(config->keepidle, 30);
    cr_expect_eq(config->keepintvl, 5);
    cr_expect_eq(config->keepcnt, 3);
    cr_expect_eq(config->user_timeout, 45000);
    cr_expect_eq(config->force, 1);
    cr_expect_eq(config->fork, FORK_SEVER);
    cr_expect_eq(config->cloexec, 1);
    cr_expect_eq(config->rebind, 1);
    cr_expect_eq(config->log_level, LOG_LEVEL_INFO);
    cr_expect_eq(config->strict + config->probe + config->trap + config->disable, 0);
    cr_expect_str_eq(config->unix_globs, "*redis*.sock");
    cr_expect_null(config->log);
    for (unsigned port = 0; port <= 65536; port++)
        cr_expect_eq(config_lists_port(config, port), port == 6379 || port == 6380 || port == 26379,
                     "port %u", port);
}

Test(config, no_environment_at_all_gives_the_same_defaults)
{
    struct reading *read = read_entries(NULL);
    cr_expect_str_empty(read->complaints);
    cr_expect(same_but_for_mistakes(&read->config, &read_settings(WORDS(NULL))->config));
}

#define FIELD(name) offsetof(struct config, name)

static const struct {
    const char *name;
    const char *value;
    size_t field;
    int expected;
} good[] = {
    {"KEEPIDLE", "1", FIELD(keepidle), 1},
    {"KEEPIDLE", "32767", FIELD(keepidle), 32767},
    {"KEEPIDLE", "0031", FIELD(keepidle), 31},
    {"KEEPINTVL", "1", FIELD(keepintvl), 1},
    {"KEEPINTVL", "32767", FIELD(keepintvl), 32767},
    {"KEEPCNT", "1", FIELD(keepcnt), 1},
    {"KEEPCNT", "127", FIELD(keepcnt), 127},
    {"USER_TIMEOUT", "0", FIELD(user_timeout), 0},
    {"USER_TIMEOUT", "1", FIELD(user_timeout), 1},
    {"USER_TIMEOUT", "2147483647", FIELD(user_timeout), 2147483647},
    {"DETECT", "3", FIELD(detect), 3},
    {"DETECT", "32767", FIELD(detect), 32767},
    {"FORCE", "0", FIELD(force), FORCE_OFF},
    {"FORCE", "1", FIELD(force), FORCE_OURS},
    {"FORCE", "tighten", FIELD(force), FORCE_TIGHTEN},
    {"FORK", "sever", FIELD(fork), FORK_SEVER},
    {"FORK", "close", FIELD(fork), FORK_CLOSE},
    {"FORK", "off", FIELD(fork), FORK_OFF},
    {"CLOEXEC", "0", FIELD(cloexec), 0},
    {"CLOEXEC", "1", FIELD(cloexec), 1},
    {"DEEPBIND", "keep", FIELD(rebind), 0},
    {"DEEPBIND", "rebind", FIELD(rebind), 1},
    {"LOG_LEVEL", "error", FIELD(log_level), LOG_LEVEL_ERROR},
    {"LOG_LEVEL", "warn", FIELD(log_level), LOG_LEVEL_WARN},
    {"LOG_LEVEL", "info", FIELD(log_level), LOG_LEVEL_INFO},
    {"LOG_LEVEL", "debug", FIELD(log_level), LOG_LEVEL_DEBUG},
    {"STRICT", "1", FIELD(strict), 1},
    {"PROBE", "1", FIELD(probe), 1},
    {"TRAP", "1", FIELD(trap), 1},
    {"DISABLE", "1", FIELD(disable), 1},
};

Test(config, every_good_value_up_to_both_limits_is_taken_without_word)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        struct reading *read = read_setting(good[i].name, good[i].value);
        int taken = *(int *)((char *)&read->config + good[i].field);
        cr_expect_eq(taken, good[i].expected, "%s=%s gave %d", good[i].name, good[i].value, taken);
        cr_expect_str_empty(read->complaints);
        cr_expect_eq(read->config.mistakes, 0);
    }
}

static void expect_ports(const char *list, const char *const first_and_last[])
{
    bool expected[65537] = {false};
    for (; *first_and_last != NULL; first_and_last += 2)
        for (int port = atoi(first_and_last[0]); port <= atoi(first_and_last[1]); port++)
            expected[port] = true;
    struct reading *read = read_setting("PORTS", list);
    cr_expect_str_empty(read->complaints);
    for (unsigned port = 0; port <= 65536; port++)
        cr_expect_eq(config_lists_port(&read->config, port), expected[port], "%.60s: %u", list,
                     port);
    cr_expect(!config_lists_port(&read->config, 65536 + 6379));
    cr_expect(!config_lists_port(&read->config, ~0U));
}

Test(config, list_of_ports_and_ranges_names_these_ports_only)
{
    expect_ports("1", WORDS("1", "1"));
    expect_ports("65535", WORDS("65535", "65535"));
    expect_ports("1-65535", WORDS("1", "65535"));
    expect_ports("7000-7005", WORDS("7000", "7005"));
    expect_ports("7000-7000", WORDS("7000", "7000"));
    expect_ports("26379,6379", WORDS("6379", "6379", "26379", "26379"));
    expect_ports("7-9,8-12,3,9", WORDS("3", "3", "7", "12"));
}

Test(config, list_of_hundred_thousand_bytes_is_read_to_its_end)
{
    expect_ports(text("%s7000", repeated("6379,", 100000)), WORDS("6379", "6379", "7000", "7000"));
}

Test(config, globs_and_log_path_may_be_as_long_as_documented)
{
    char *globs = repeated("*redis.sock:/run/", REDISGUARD_UNIX_LENGTH);
    char *path = repeated("/var/log", REDISGUARD_LOG_LENGTH);
    struct reading *read = read_settings(WORDS(text("UNIX=%s", globs), text("LOG=%s", path)));
    cr_expect_str_empty(read->complaints);
    cr_expect_str_eq(read->config.unix_globs, globs);
    cr_expect_str_eq(read->config.log, path);
    cr_expect_str_eq(read_setting("LOG", "stderr")->config.log, "stderr");
    cr_expect_str_eq(read_setting("LOG", "/")->config.log, "/");
}

Test(config, values_outlive_environment_that_they_were_read_from)
{
    char globs[] = REDISGUARD_PREFIX "UNIX=/run/a.sock";
    char path[] = REDISGUARD_PREFIX "LOG=/run/log";
    struct reading *read = read_entries(WORDS(globs, path));
    memset(globs, 'x', sizeof globs - 1); /* as a server does that sets its process title */
    memset(path, 'x', sizeof path - 1);
    cr_expect_str_eq(read->config.unix_globs, "/run/a.sock");
    cr_expect_str_eq(read->config.log, "/run/log");
}

Test(config, first_of_two_settings_counts)
{
    struct reading *read = read_settings(WORDS("KEEPIDLE=11", "KEEPIDLE=12", "KEEPIDLE=bad"));
    cr_expect_eq(read->config.keepidle, 11);
    cr_expect_str_empty(read->complaints);
    struct reading *bad_first = read_settings(WORDS("KEEPIDLE=bad", "KEEPIDLE=12"));
    cr_expect_eq(bad_first->config.keepidle, 30);
    cr_expect_eq(bad_first->config.mistakes, 1);
}

Test(config, entry_without_equals_sign_sets_nothing)
{
    struct reading *read = read_settings(WORDS("KEEPIDLE", "KEEPIDLE=11", "PORTS", "FORK"));
    cr_expect_eq(read->config.keepidle, 11);
    cr_expect_eq(read->config.fork, FORK_SEVER);
    cr_expect(config_lists_port(&read->config, 6379));
    cr_expect_str_empty(read->complaints);
}

Test(config, variables_of_other_programs_are_ignored)
{
    struct reading *read =
        read_entries(WORDS("PATH=/bin", "REDIS_URL=x", "XREDISGUARD_KEEPIDLE=11",
                           "redisguard_KEEPIDLE=11", "REDISGUARD=1", "", "=", "KEEPIDLE=11"));
    cr_expect_str_empty(read->complaints);
    cr_expect(same_but_for_mistakes(&read->config, &read_settings(WORDS(NULL))->config));
}
