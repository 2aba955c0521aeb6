/*
 * The examples for supervisors, each tried as its reader would: supervisord, also with Laravel's
 * workers, runit and s6.
 */
#include "examples.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

/* ---- supervisord ---- */

#define SUPERVISORD "exec supervisord --nodaemon -c /etc/supervisor/supervisord.conf >/dev/null"

/* What the worker writes to its log file, until it ends: then nobody holds our outputs any more. */
#define SHOWING_THE_LOG                                                                            \
    "log=/var/log/supervisor/redis-worker.log; : >$log\n"                                          \
    "tail -s 0.1 -F $log 2>/dev/null | sed -u '/ stopped {/q' &\n"

Test(examples, supervisord_runs_guarded_worker)
{
    needs("supervisord");
    struct server *server = start_redis_on_its_port();
    struct program *supervisor = follow("supervisord.conf", SHOWING_THE_LOG SUPERVISORD);
    is_at_work_and_guarded(supervisor, server);
    is_seen_to_work(supervisor, 1);
    ends_in_order(supervisor, SIGTERM);
}

Test(examples, supervisord_takes_worker_in_while_it_runs)
{
    needs("supervisord");
    struct server *server = start_redis_on_its_port();
    struct program *supervisor =
        follow("supervisord.conf",
               "mv /etc/supervisor/conf.d/redis-worker.conf /tmp\n" SHOWING_THE_LOG SUPERVISORD);
    WAIT_UNTIL(succeeds_inside(supervisor, "supervisorctl version"));
    inside(supervisor, "mv /tmp/redis-worker.conf /etc/supervisor/conf.d/ && supervisorctl update");
    is_at_work_and_guarded(supervisor, server);
    ends_in_order(supervisor, SIGTERM);
}

/* ---- Laravel ---- */

static struct server *start_redis_for_laravel(void)
{
    needs("supervisord");
    const char *there = "exit(stream_resolve_include_path('Illuminate/Queue/autoload.php') &&"
                        " stream_resolve_include_path('Illuminate/Redis/autoload.php') ? 0 : 1);";
    if (run_program(WORDS("php", "-r", there), NULL).status != 0)
        cr_skip_test("needs php-illuminate-queue: tests/dependencies test");
    return start_redis_on_its_port();
}

/* The application at its place in the example, and of the example's programs only this one. */
static struct program *start_laravel(const char *program)
{
    return follow(
        "laravel.conf",
        text(
            "mkdir -p /srv/app && cp " RECIPES "/artisan /srv/app/artisan\n"
            "awk '/^\\[/ { ours = $0 ~ /%s/ } ours' /etc/supervisor/conf.d/laravel.conf >/tmp/one\n"
            "mv /tmp/one /etc/supervisor/conf.d/laravel.conf\nexport BLOCK_FOR=1\n" SUPERVISORD,
            program));
}

static void works_on_jobs(struct program *laravel)
{
    inside(laravel, "php /srv/app/artisan push first");
    WAIT_UNTIL(succeeds_inside(laravel, "grep -q 'worked on first' /var/log/supervisor/laravel*"));
}

static void ends(struct program *laravel)
{
    kill(laravel->pid, SIGTERM);
    struct outcome outcome = finish_program(laravel);
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
}

Test(examples, laravels_queue_workers_are_guarded)
{
    struct server *server = start_redis_for_laravel();
    struct program *laravel = start_laravel("laravel-queue");
    WAIT_UNTIL(strstr(redis_ask(server, "INFO clients"), "blocked_clients:2") != NULL);
    is_guarded_as_told(server);
    is_seen_to_work(laravel, 2);
    works_on_jobs(laravel);
    ends(laravel);
}

Test(examples, worker_started_in_horizons_way_is_guarded)
{
    struct server *server = start_redis_for_laravel();
    struct program *laravel = start_laravel("laravel-horizon");
    WAIT_UNTIL(strstr(redis_ask(server, "INFO clients"), "blocked_clients:1") != NULL);
    is_guarded_as_told(server);
    is_seen_to_work(laravel, 1);
    works_on_jobs(laravel);
    ends(laravel);
}

/* ---- runit ---- */

Test(examples, runit_runs_guarded_worker)
{
    needs("runsv");
    struct server *server = start_redis_on_its_port();
    struct program *runsv = follow("runit/run", "exec runsv /etc/service/redis-worker");
    is_at_work_and_guarded(runsv, server);
    is_seen_to_work(runsv, 1);
    ends_in_order(runsv, SIGTERM);
}

/* ---- s6 ---- */

Test(examples, s6_runs_guarded_worker)
{
    needs("s6-svscan");
    struct server *server = start_redis_on_its_port();
    struct program *s6 =
        follow("s6/run", "mkdir -p /run/service && exec s6-svscan -d3 /run/service 3>/run/ready");
    WAIT_UNTIL(succeeds_inside(s6, "test -s /run/ready"));
    inside(s6, "s6-svlink /run/service /etc/s6/redis-worker");
    is_at_work_and_guarded(s6, server);
    is_seen_to_work(s6, 1);
    ends_in_order(s6, SIGTERM);
}
