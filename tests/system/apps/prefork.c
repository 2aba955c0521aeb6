/*
 * Requests to a server of workers, and what must be true of their replies and connections. See
 * prefork.h; called by the prefork_*.c.
 */
#include "prefork.h"

#include "sockets.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VARIABLES = 16 };

struct server *start_redis_for_workers(void)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    redis_ask(redis, "EVAL %s 0",
              "for field = 0, 999 do redis.call('HSET', 'proxy', field, 'value-' .. field) end");
    return redis;
}

/* Where workers wait for each other: a file for each that has come. */
static const char *meeting(void)
{
    return text("%s/meeting", scratch_directory());
}

static const char *const *workers(const struct server *redis, const char *read_timeout,
                                  const char *const more[])
{
    const char **env = calloc(MOST_VARIABLES + 1, sizeof *env);
    cr_assert(env, "out of memory");
    size_t count = 0;
    env[count++] = text("REDIS_PORT=%d", redis->port);
    env[count++] = text("MEETING=%s", meeting());
    env[count++] = text("WORKERS=%d", WORKERS);
    env[count++] = text("READ_TIMEOUT=%s", read_timeout);
    env[count++] = "APPLICATIONS=" APPLICATIONS;
    for (size_t i = 0; more && more[i]; i++) {
        cr_assert(count < MOST_VARIABLES);
        env[count++] = more[i];
    }
    return env;
}

/* A reply that another worker took never comes. */
const char *const *bare_workers(const struct server *redis, const char *const more[])
{
    return workers(redis, "0.3", more);
}

/* Each reply comes, be the machine ever so busy. */
const char *const *guarded_workers(const struct server *redis, const char *const more[])
{
    return guarded(redis, workers(redis, "30", more));
}

void needs_user_namespaces(void)
{
    if (run_program(WORDS(AS_ORDINARY_USER, "true"), NULL).status != 0)
        cr_skip_test("needs user namespaces");
}

/* ---- requests ---- */

static int have_come(void)
{
    glob_t files = {0};
    glob(text("%s/*", meeting()), GLOB_NOSORT, NULL, &files);
    return (int)files.gl_pathc;
}

static char *answer_to(struct program *request)
{
    struct outcome outcome = finish_program(request);
    const char *answer = strstr(outcome.out, "pid=");
    cr_assert(answer, "a worker's answer:\n%s%s", outcome.out, outcome.err);
    return text("%.*s\n", (int)strcspn(answer, "\n"), answer);
}

/* One after the other, so that each worker takes one and, alone still, finds its connection well;
 * the last to come starts all of them. */
char *answers_of_workers(const char *const request[])
{
    struct program *requests[WORKERS];
    output_of(WORDS("rm", "-rf", meeting()));
    output_of(WORDS("mkdir", meeting()));
    for (int i = 0; i < WORKERS; i++) {
        requests[i] = start_program(request, NULL);
        WAIT_UNTIL(have_come() == i + 1);
    }
    char *answers = text("%s", "");
    for (int i = 0; i < WORKERS; i++)
        answers = text("%s%s", answers, answer_to(requests[i]));
    return answers;
}

/* The sum of a count over all answers. */
static int told(const char *answers, const char *count)
{
    int sum = 0;
    const char *label = text(" %s=", count);
    for (const char *at = strstr(answers, label); at; at = strstr(at + 1, label))
        sum += atoi(at + strlen(label));
    return sum;
}

void expect_replies_astray(const char *const request[])
{
    char *answers = answers_of_workers(request);
    cr_assert_gt(told(answers, "wrong"), 0, "%s", answers);
}

/* ---- connections ---- */

static char *line_with(const char *lines, const char *part)
{
    const char *found = strstr(lines, part);
    while (found && found > lines && found[-1] != '\n')
        found--;
    return found ? text("%.*s", (int)strcspn(found, "\n"), found) : NULL;
}

static char *word_with(const char *line, const char *label)
{
    const char *found = strstr(line, label);
    return found ? text("%.*s", (int)strcspn(found, " \n"), found) : NULL;
}

char *masters_connection(const struct server *redis)
{
    char *line = line_with(redis_ask(redis, "CLIENT LIST"), "name=master");
    return line ? text("%s %s", word_with(line, "id="), word_with(line, "cmd=")) : NULL;
}

/* Those that somebody holds: without what only the kernel remembers (TIME-WAIT). */
static int sockets_in(const char *table)
{
    return lines_with(table, "users:");
}

static int holders_in(const char *table)
{
    int holders = 0;
    for (const char *at = strstr(table, ",pid="); at; at = strstr(at + 1, ",pid="))
        holders++;
    return holders;
}

void wait_for_one_socket_with(int holders, const struct server *redis)
{
    WAIT_UNTIL(holders_in(sockets_to(redis->port)) == holders);
    char *table = sockets_to(redis->port);
    cr_assert_eq(sockets_in(table), 1, "%s", table);
}

static void expect_one_client_each(const char *answers)
{
    for (const char *at = strstr(answers, "client="); at; at = strstr(at + 1, "client=")) {
        cr_assert_gt(atoi(at + strlen("client=")), 0, "%s", answers);
        char *client = word_with(at, "client=");
        cr_assert_eq(lines_with(answers, text(" %s ", client)), 1, "%s", answers);
    }
}

static void expect_one_holder_each(const struct server *redis)
{
    char *table = sockets_to(redis->port);
    cr_assert_eq(sockets_in(table), 1 + WORKERS, "%s", table);
    cr_assert_eq(holders_in(table), 1 + WORKERS, "%s", table);
}

void expect_replies_right(const struct server *redis, const char *const request[])
{
    char *before = masters_connection(redis);
    char *answers = answers_of_workers(request);
    cr_assert_gt(told(answers, "right"), 0, "%s", answers);
    cr_assert_eq(told(answers, "wrong") + told(answers, "errors"), 0, "%s", answers);
    expect_one_client_each(answers);
    expect_one_holder_each(redis);
    cr_assert_str_eq(masters_connection(redis), before);
}

/* ---- the end ---- */

void end_in_order(struct program *server, pid_t master)
{
    kill(master, SIGTERM);
    EXPECT_LINES(wait_for_line(server, "master: "), "master: same connection");
    cr_assert_eq(finish_program(server).status, 0);
}
