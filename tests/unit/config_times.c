/*
 * config_times.c: the tests of shim/lib/config.c: the times that follow from DETECT and from each
 * other.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "unit.h"

/* The settings must be worth no complaint. */
static struct config read_times(const char *const settings[])
{
    struct reading *read = read_settings(settings);
    cr_assert_str_empty(read->complaints);
    return read->config;
}

Test(config, every_detect_derives_legal_times_that_add_up_to_it)
{
    for (int detect = REDISGUARD_DETECT_MIN; detect <= REDISGUARD_SECONDS_MAX; detect++) {
        char entry[64];
        snprintf(entry, sizeof entry, REDISGUARD_PREFIX "DETECT=%d", detect);
        struct config config;
        config_read(&config, (char *const *)WORDS(entry), -1);
        cr_assert_eq(config.keepidle + config.keepintvl * config.keepcnt, detect, "%d", detect);
        cr_assert_eq(config.user_timeout, detect * 1000, "%d", detect);
        cr_assert(config.keepidle >= 1 && config.keepidle <= REDISGUARD_SECONDS_MAX, "%d", detect);
        cr_assert(config.keepintvl >= 1 && config.keepintvl <= config.keepidle, "%d", detect);
        cr_assert(config.keepcnt >= 2 && config.keepcnt <= REDISGUARD_KEEPCNT_MAX, "%d", detect);
    }
}

Test(config, explicit_time_wins_over_what_detect_derives)
{
    struct config all = read_times(
        WORDS("KEEPIDLE=100", "KEEPINTVL=20", "KEEPCNT=7", "USER_TIMEOUT=5000", "DETECT=90"));
    cr_expect_eq(all.keepidle, 100);
    cr_expect_eq(all.keepintvl, 20);
    cr_expect_eq(all.keepcnt, 7);
    cr_expect_eq(all.user_timeout, 5000);
    struct config one = read_times(WORDS("DETECT=90", "KEEPINTVL=1"));
    cr_expect_eq(one.keepidle, 60);
    cr_expect_eq(one.keepintvl, 1);
    cr_expect_eq(one.keepcnt, 3);
    cr_expect_eq(one.user_timeout, 90000);
    struct config off = read_times(WORDS("DETECT=90", "USER_TIMEOUT=0"));
    cr_expect_eq(off.keepidle, 60);
    cr_expect_eq(off.user_timeout, 0);
}

Test(config, user_timeout_follows_from_three_times)
{
    cr_expect_eq(read_times(WORDS("KEEPIDLE=60")).user_timeout, 75000);
    cr_expect_eq(read_times(WORDS("KEEPINTVL=10")).user_timeout, 60000);
    cr_expect_eq(read_times(WORDS("KEEPCNT=10")).user_timeout, 80000);
    cr_expect_eq(read_times(WORDS("KEEPIDLE=1", "KEEPINTVL=2", "KEEPCNT=3")).user_timeout, 7000);
}

Test(config, user_timeout_goes_no_further_than_kernel)
{
    struct config most = read_times(WORDS("KEEPIDLE=32767", "KEEPINTVL=32767", "KEEPCNT=127"));
    cr_expect_eq(most.user_timeout, INT32_MAX);
    /* 2147483 s are the last that fit, in milliseconds, into 31 bits. */
    const char *const others[] = {"KEEPINTVL=16909", "KEEPCNT=127"};
    cr_expect_eq(read_times(WORDS("KEEPIDLE=40", others[0], others[1])).user_timeout, 2147483000);
    cr_expect_eq(read_times(WORDS("KEEPIDLE=41", others[0], others[1])).user_timeout, INT32_MAX);
}

/* An outage between two probes goes unnoticed: the further apart they are, the longer it may be. */
Test(config, probes_take_third_of_detect_as_they_do_of_defaults)
{
    struct config one = read_times(WORDS("DETECT=15"));
    cr_expect(one.keepidle == 9 && one.keepintvl == 2 && one.keepcnt == 3);
    struct config other = read_times(WORDS("DETECT=45"));
    cr_expect_eq(other.keepidle, REDISGUARD_KEEPIDLE_DEFAULT);
    cr_expect_eq(other.keepintvl, REDISGUARD_KEEPINTVL_DEFAULT);
    cr_expect_eq(other.keepcnt, REDISGUARD_KEEPCNT_DEFAULT);
}
