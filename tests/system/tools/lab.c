/*
 * The short form of the fault laboratory (tests/lab, `make lab`): a few of its rows, with a shorter
 * watch. Each row is judged by the lab itself; here it must be right about them, and must say so
 * where a promise is broken.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sockets.h"

/* Each takes about 10 s, the one with jobs 30 s, all at the same time. */
#define JOBS_ROW "jobs/phpredis/20/routed"
#define SHORT_FORM                                                                                 \
    "phpredis/drop/brpop", "phpredis/drop/get", "phpredis/drop/connect",                           \
        "phpredis/rebooted/brpop", "phpredis/drop/brpop/tune", "phpredis/drop/get/0.8s",           \
        "hiredis/drop/brpop", JOBS_ROW

#define LAB(...)                                                                                   \
    WORDS(SOURCE_DIR "/tests/lab/lab", "--build", BUILD_DIR, "--limit", "8", "--out",              \
          scratch_directory(), __VA_ARGS__)

static void need_namespaces(void)
{
    if (!namespaces_permitted() || !mounts_permitted())
        cr_skip_test("needs network and mount namespaces: run as root, and in no plain chroot");
}

/* Of the line of results.tsv about this row, and the client that was told this budget ("-": the one
 * without the guard); columns are counted from 0. */
static const char *cell(const char *results, const char *row, const char *told, int column)
{
    const char *line = strstr(results, text("\n%s\t%s\t", row, told));
    cr_assert(line != NULL, "no line for %s, told %s:\n%s", row, told, results);
    line++;
    for (; column > 0; column--)
        line += strcspn(line, "\t") + 1;
    return text("%.*s", (int)strcspn(line, "\t\n"), line);
}

enum { NOTICED = 4, FINISHED = 5, BACK = 6, SAME_CONNECTION = 7, SS = 9 };

static char *results_of_lab(void)
{
    return content_of(text("%s/results.tsv", scratch_directory()));
}

/* Of jobs.tsv, which has the promise where the other has the budget. */
enum { AFTER_WITHOUT = 8, AFTER_OFF = 9, AFTER_ON = 10 };

static void jobs_are_counted(void)
{
    const char *results = content_of(text("%s/jobs.tsv", scratch_directory()));
    cr_expect_str_eq(cell(results, JOBS_ROW, "cured", AFTER_WITHOUT), "100");
    cr_expect_str_neq(cell(results, JOBS_ROW, "cured", AFTER_OFF), "100");
    cr_expect_str_eq(cell(results, JOBS_ROW, "cured", AFTER_ON), "100");
}

static void noticed_within(const char *results, const char *row, int budget, double margin)
{
    const char *told = text("%d", budget);
    const char *seconds = cell(results, row, told, NOTICED);
    cr_expect(strcmp(seconds, "-") != 0 && strtod(seconds, NULL) <= budget + margin,
              "%s, told %d s: %s", row, budget, seconds);
    cr_expect_str_neq(cell(results, row, told, BACK), "-", "%s: back at work", row);
}

Test(lab, the_short_form_keeps_every_promise)
{
    need_namespaces();
    struct outcome outcome = run_program(LAB(SHORT_FORM), NULL);
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);

    const char *results = results_of_lab();
    const char *const *lost =
        WORDS("phpredis/drop/brpop", "phpredis/drop/get", "phpredis/drop/connect",
              "phpredis/rebooted/brpop", "phpredis/drop/brpop/tune", "hiredis/drop/brpop");
    for (; *lost; lost++) {
        cr_expect_str_eq(cell(results, *lost, "-", NOTICED), "-", "%s without the guard", *lost);
        noticed_within(results, *lost, 3, 1);
        noticed_within(results, *lost, 6, 1);
    }
    cr_expect_str_eq(cell(results, "phpredis/drop/get/0.8s", "3", NOTICED), "-");
    cr_expect_str_neq(cell(results, "phpredis/drop/get/0.8s", "3", FINISHED), "-");
    cr_expect_str_eq(cell(results, "phpredis/drop/get/0.8s", "3", SAME_CONNECTION), "yes");
    cr_expect_str_eq(cell(results, "phpredis/drop/brpop", "-", SS), "ESTAB Send-Q 0 no timer");
    const char *guarded_socket = cell(results, "phpredis/drop/brpop", "6", SS);
    cr_expect(strstr(guarded_socket, "timer:(keepalive,") != NULL, "%s", guarded_socket);
    jobs_are_counted();
}

/* The judge: a guard that does nothing must not get away with it. */
Test(lab, a_guard_that_does_nothing_breaks_its_promises)
{
    need_namespaces();
    struct outcome outcome =
        run_program(LAB("--variable", "REDISGUARD_DISABLE=1", "phpredis/drop/brpop",
                        "phpredis/drop/get", "jobs/phpredis/1/routed"),
                    NULL);
    cr_expect(strstr(outcome.out, "jobs/phpredis/1/routed: with RESET_HALF_OPEN=0 no job was lost"),
              "%s", outcome.out);
    cr_expect_eq(outcome.status, 1, "status %d:\n%s%s", outcome.status, outcome.out, outcome.err);
    const char *const *row = WORDS("phpredis/drop/brpop", "phpredis/drop/get");
    for (; *row; row++)
        for (int budget = 3; budget <= 6; budget += 3)
            cr_expect(strstr(outcome.out, text("%s: told %d s: never noticed", *row, budget)),
                      "%s, told %d s:\n%s", *row, budget, outcome.out);
}

/* And a client that is harmed must be seen: here, a drop that heals too late for a tiny budget. */
Test(lab, a_false_alarm_is_seen)
{
    need_namespaces();
    struct outcome outcome = run_program(
        LAB("--variable", "REDISGUARD_USER_TIMEOUT=200", "phpredis/drop/get/0.8s"), NULL);
    cr_expect_eq(outcome.status, 1, "status %d:\n%s%s", outcome.status, outcome.out, outcome.err);
    cr_expect(strstr(outcome.out, "phpredis/drop/get/0.8s: told 3 s: a false alarm"), "%s",
              outcome.out);
}
