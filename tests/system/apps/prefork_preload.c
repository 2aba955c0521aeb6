/*
 * Starman, Puma and Gunicorn with an application that connects in the master, before the fork. The
 * usual clients of their languages compare their pid before they use a connection: their workers
 * get right replies without the guard, too. But an idle worker keeps the master's connection open
 * after the master has ended. A redis-rb that is told to inherit its socket, or a redis-py without
 * a pool, does not compare: then workers read each other's replies.
 */
#include "prefork.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

/* Returns when there are all workers. */
typedef struct program *starter(const char *const env[]);

static struct program *start_starman(const char *const env[])
{
    struct program *starman =
        start_program(WORDS("starman", "--preload-app", "--workers", text("%d", WORKERS),
                            "--listen", "127.0.0.1:8080", APPLICATIONS "/app.psgi"),
                      env);
    char *children = text("/proc/%d/task/%d/children", starman->pid, starman->pid);
    WAIT_UNTIL(atoi(output_of(WORDS("wc", "-w", children))) == WORKERS);
    return starman;
}

static struct program *start_puma(const char *const env[])
{
    struct program *puma = start_program(
        WORDS("puma", "--config", APPLICATIONS "/puma.rb", APPLICATIONS "/config.ru"), env);
    for (int i = 0; i < WORKERS; i++)
        wait_for_line(puma, " booted");
    return puma;
}

static struct program *start_gunicorn(const char *const env[])
{
    struct program *gunicorn = start_program(
        WORDS("env", "PYTHONDONTWRITEBYTECODE=1", "gunicorn", "--preload", "--workers",
              text("%d", WORKERS), "--bind", "127.0.0.1:8080", "--chdir", APPLICATIONS, "--config",
              APPLICATIONS "/gunicorn.conf.py", "application"),
        env);
    for (int i = 0; i < WORKERS; i++)
        wait_for_line(gunicorn, "Booting worker");
    return gunicorn;
}

static void expect_guarded(starter *start, const struct server *redis, const char *const env[])
{
    struct program *server = start(guarded_workers(redis, env));
    wait_for_one_socket_with(1, redis);
    expect_replies_right(redis, HTTP_REQUEST);
    end_in_order(server, server->pid);
}

/* ---- clients that look at their pid ---- */

static void expect_only_the_guard_to_let_go(starter *start)
{
    struct server *redis = start_redis_for_workers();
    struct program *bare = start(bare_workers(redis, NULL));
    wait_for_one_socket_with(1 + WORKERS, redis);
    expect_replies_right(redis, HTTP_REQUEST);
    end_in_order(bare, bare->pid);
    expect_guarded(start, redis, NULL);
}

Test(prefork, idle_starman_workers_keep_masters_connection_open)
{
    expect_only_the_guard_to_let_go(start_starman);
}

Test(prefork, idle_puma_workers_keep_masters_connection_open)
{
    expect_only_the_guard_to_let_go(start_puma);
}

Test(prefork, idle_gunicorn_workers_keep_masters_connection_open)
{
    expect_only_the_guard_to_let_go(start_gunicorn);
}

/* Without the guard Redis goes on to keep what it watches, or give jobs to its BLPOP. */
Test(prefork, connection_of_killed_master_ends_with_it)
{
    struct server *redis = start_redis_for_workers();
    struct program *bare = start_starman(bare_workers(redis, NULL));
    wait_for_one_socket_with(1 + WORKERS, redis);
    kill(bare->pid, SIGKILL);
    wait_for_one_socket_with(WORKERS, redis);
    cr_assert(masters_connection(redis));
    end_program(bare);

    struct program *starman = start_starman(guarded_workers(redis, NULL));
    wait_for_one_socket_with(1, redis);
    kill(starman->pid, SIGKILL);
    WAIT_UNTIL(!masters_connection(redis));
}

/* ---- clients that do not ---- */

static void expect_only_the_guard_to_keep_replies_right(starter *start, const char *option)
{
    struct server *redis = start_redis_for_workers();
    struct program *bare = start(bare_workers(redis, WORDS(option)));
    wait_for_one_socket_with(1 + WORKERS, redis);
    expect_replies_astray(HTTP_REQUEST);
    end_program(bare);
    expect_guarded(start, redis, WORDS(option));
}

Test(prefork, puma_workers_survive_inherited_client)
{
    expect_only_the_guard_to_keep_replies_right(start_puma, "INHERIT_SOCKET=yes");
}

Test(prefork, gunicorn_workers_survive_client_without_pool)
{
    expect_only_the_guard_to_keep_replies_right(start_gunicorn, "SINGLE_CONNECTION=yes");
}
