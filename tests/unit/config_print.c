/*
 * config_print.c: the tests of shim/lib/config.c: what is printed can be read again, and the
 * process reads its environment once.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "same_config.h"
#include "unit.h"

static char *printed(const struct config *config)
{
    int capture = open_capture();
    config_print(config, capture);
    char *output = captured(capture);
    close(capture);
    return output;
}

/* The lines behind the first, as an environment; a variable without a value is one that is unset.
 */
static struct reading *read_again(char *output)
{
    const char *entries[32] = {NULL};
    size_t count = 0;
    strsep(&output, "\n");
    for (char *entry; (entry = strsep(&output, "\n")) != NULL && count < COUNT(entries) - 1;)
        if (entry[0] != '\0' && entry[strlen(entry) - 1] != '=')
            entries[count++] = entry;
    return read_entries(entries);
}

static void expect_round_trip(const char *const settings[])
{
    struct reading *first = read_settings(settings);
    char *output = printed(&first->config);
    struct reading *second = read_again(text("%s", output));
    cr_expect_str_empty(first->complaints);
    cr_expect_str_empty(second->complaints);
    cr_expect(same_but_for_mistakes(&first->config, &second->config));
    cr_expect(strcmp(printed(&second->config), output) == 0);
}

Test(config, printed_configuration_reads_back_the_same)
{
    expect_round_trip(WORDS(NULL));
    expect_round_trip(WORDS("PORTS=1,3-5,7000-65535", "UNIX=/run/[ab]*.sock:*cache*"));
    expect_round_trip(WORDS("PORTS=65535", "KEEPIDLE=7", "KEEPINTVL=8", "KEEPCNT=9"));
    expect_round_trip(WORDS("PORTS=1-65535", "USER_TIMEOUT=0", "FORCE=0", "FORK=close"));
    expect_round_trip(WORDS("FORCE=tighten"));
    expect_round_trip(WORDS("DETECT=100", "FORK=off", "CLOEXEC=0", "DEEPBIND=keep"));
    expect_round_trip(WORDS("LOG=/var/log/redisguard.log", "LOG_LEVEL=debug", "STRICT=1"));
    expect_round_trip(WORDS("LOG=stderr", "LOG_LEVEL=error", "PROBE=1", "TRAP=1", "DISABLE=1"));
    expect_round_trip(WORDS("KEEPIDLE=32767", "KEEPINTVL=32767", "KEEPCNT=127"));
}

Test(config, list_of_ten_thousand_ports_is_printed_in_full)
{
    char *list = text("PORTS=1");
    for (int port = 3; port < 20000; port += 2) {
        char *longer = text("%s,%d", list, port);
        free(list);
        list = longer;
    }
    expect_round_trip(WORDS(list));
    cr_expect_not_null(strstr(printed(&read_settings(WORDS(list))->config), list));
}

Test(config, longest_globs_are_printed_in_full)
{
    expect_round_trip(WORDS(text("UNIX=%s", repeated("*r.sock:/run/", 1023))));
}

Test(config, longest_log_path_is_printed_in_full)
{
    expect_round_trip(WORDS(text("LOG=%s", repeated("/var/log", 4095))));
}

Test(config, printed_configuration_has_version_and_every_default)
{
    struct reading *read = read_settings(WORDS(NULL));
    cr_expect_str_eq(printed(&read->config), "redisguard " REDISGUARD_VERSION "\n"
                                             "REDISGUARD_PORTS=6379-6380,26379\n"
                                             "REDISGUARD_UNIX=*redis*.sock\n"
                                             "REDISGUARD_KEEPIDLE=30\n"
                                             "REDISGUARD_KEEPINTVL=5\n"
                                             "REDISGUARD_KEEPCNT=3\n"
                                             "REDISGUARD_USER_TIMEOUT=45000\n"
                                             "REDISGUARD_FORCE=1\n"
                                             "REDISGUARD_RESET_HALF_OPEN=1\n"
                                             "REDISGUARD_FORK=sever\n"
                                             "REDISGUARD_CLOEXEC=1\n"
                                             "REDISGUARD_DEEPBIND=rebind\n"
                                             "REDISGUARD_LOG_LEVEL=info\n"
                                             "REDISGUARD_STRICT=0\n"
                                             "REDISGUARD_PROBE=0\n"
                                             "REDISGUARD_TRAP=0\n"
                                             "REDISGUARD_DISABLE=0\n");
}

Test(config, environment_is_read_once_and_mistakes_reported_once)
{
    configure(WORDS("KEEPIDLE=11", "KEEPCNT=x"));
    int capture = capture_stderr();
    cr_expect_eq(config()->keepidle, 11);
    configure(WORDS("KEEPIDLE=12"));
    cr_expect_eq(config()->keepidle, 11);
    cr_expect_eq(config()->mistakes, 1);
    cr_expect_eq(strncmp(captured(capture), "redisguard: REDISGUARD_KEEPCNT=\"x\" ", 35), 0);
    cr_expect_eq(strcspn(captured(capture), "\n") + 1, strlen(captured(capture)));
}
