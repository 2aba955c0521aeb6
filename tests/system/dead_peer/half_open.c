/*
 * After an outage longer than the detection time the server still believes in the connection that
 * died, and pushes the next job into it. Each test cuts the link under a worker in BLPOP, heals it
 * when the kernel has given the worker's connection up, and counts the clients that the server
 * then has waiting.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "sockets.h"

static struct server *redis;

static struct program *start_worker_detecting(int seconds, const char *how_to_close,
                                              const char *how_to_connect, const char *setting)
{
    return start_program(
        WORDS(PROGRAMS "half_open_worker", text("%d", redis->port), how_to_close, how_to_connect),
        guarded(redis,
                WORDS(text("REDISGUARD_DETECT=%d", seconds), setting, "REDISGUARD_LOG=stderr")));
}

static struct program *start_worker(const char *how_to_close, const char *how_to_connect,
                                    const char *setting)
{
    return start_worker_detecting(3, how_to_close, how_to_connect, setting);
}

/* Connections that the server would push a job into. */
static int waiting(void)
{
    int count = 0;
    const char *clients = redis_ask(redis, "CLIENT LIST");
    while ((clients = strstr(clients, "cmd=blpop")) != NULL) {
        clients += strlen("cmd=blpop");
        count++;
    }
    return count;
}

static void enter_network_with_redis(void)
{
    enter_private_network();
    redis = start_redis(WORDS("--tcp-keepalive", "300"));
}

/* An outage that the kernel notices. */
static void outage_under(struct program *worker)
{
    WAIT_UNTIL(waiting() == 1);
    cut_link(redis);
    wait_for_line(worker, "died: Connection timed out");
    heal_link();
    cr_assert_eq(waiting(), 1, "the server knows nothing of it");
}

static void expect_only_the_new_connection(struct program *worker)
{
    tell_program(worker, "again\n");
    wait_for_line(worker, "connected");
    WAIT_UNTIL(strstr(redis_ask(redis, "CLIENT LIST"), "age=0 ") != NULL);
    WAIT_UNTIL(waiting() == 1);
    redis_ask(redis, "RPUSH queue job");
    wait_for_line(worker, "popped");
}

static void job_arrives_after(const char *how_to_close, const char *how_to_connect)
{
    enter_network_with_redis();
    struct program *worker =
        start_worker(how_to_close, how_to_connect, "REDISGUARD_RESET_HALF_OPEN=1");
    outage_under(worker);
    expect_only_the_new_connection(worker);
}

Test(half_open, job_arrives_after_an_outage_and_close)
{
    job_arrives_after("close", "blocking");
}

Test(half_open, job_arrives_after_an_outage_and_dup2)
{
    job_arrives_after("dup2", "blocking");
}

Test(half_open, job_arrives_after_an_outage_and_dup3)
{
    job_arrives_after("dup3", "blocking");
}

Test(half_open, job_arrives_after_an_outage_and_af_unspec)
{
    job_arrives_after("unspec", "blocking");
}

Test(half_open, job_arrives_after_an_outage_and_shutdown)
{
    job_arrives_after("shutdown", "blocking");
}

Test(half_open, job_arrives_where_a_non_blocking_connect_asks_for_its_error)
{
    job_arrives_after("close", "error");
}

Test(half_open, job_arrives_where_a_non_blocking_connect_sets_an_option)
{
    job_arrives_after("close", "option");
}

#define MODULE BUILD_DIR "/tests/system/modules/half_open_module.so"

Test(half_open, job_arrives_where_a_deepbind_module_closes_and_asks_for_the_error)
{
    job_arrives_after(MODULE, MODULE);
}

/* The attempt begins before the heal, and its SYN that is sent again after it comes through. */
static void attempt_straddles_the_heal(const char *how_to_connect)
{
    enter_network_with_redis();
    struct program *worker = start_worker_detecting(8, "close", how_to_connect, NULL);
    WAIT_UNTIL(waiting() == 1);
    cut_link(redis);
    wait_for_line(worker, "died: Connection timed out");
    tell_program(worker, "again\n");
    WAIT_UNTIL(strstr(sockets_to(redis->port), "SYN-SENT") != NULL);
    heal_link();
    cr_assert_eq(waiting(), 1, "the old one");
    wait_for_line(worker, "connected");
    WAIT_UNTIL(strstr(redis_ask(redis, "CLIENT LIST"), "age=0 ") != NULL);
    WAIT_UNTIL(waiting() == 1);
    redis_ask(redis, "RPUSH queue job");
    wait_for_line(worker, "popped");
}

Test(half_open, job_arrives_where_a_blocking_attempt_straddles_the_heal)
{
    attempt_straddles_the_heal("blocking");
}

Test(half_open, job_arrives_where_a_non_blocking_attempt_straddles_the_heal)
{
    attempt_straddles_the_heal("error");
}

Test(half_open, without_the_reset_the_server_pushes_the_job_into_the_dead_connection)
{
    enter_network_with_redis();
    struct program *worker = start_worker("close", "blocking", "REDISGUARD_RESET_HALF_OPEN=0");
    outage_under(worker);
    tell_program(worker, "again\n");
    wait_for_line(worker, "connected");
    WAIT_UNTIL(waiting() == 2);
    redis_ask(redis, "RPUSH queue job");
    WAIT_UNTIL(waiting() == 1);
    cr_expect_null(strstr(end_program(worker).out, "popped"));
}

Test(half_open, log_tells_of_the_death_and_of_the_reset)
{
    enter_network_with_redis();
    struct program *worker = start_worker("close", "blocking", "REDISGUARD_LOG_LEVEL=info");
    outage_under(worker);
    expect_only_the_new_connection(worker);
    const char *log = end_program(worker).err;
    cr_expect_eq(lines_with(log, text("closed: 127.0.0.1:%d had stopped answering", redis->port)),
                 1, "%s", log);
    cr_expect_eq(lines_with(log, "has dropped its end of the dead connection from 127.0.0.1:"), 1,
                 "%s", log);
}

/* Its own SYN has the server drop the old end: no knock could come from that port. */
Test(half_open, job_arrives_where_program_connects_from_its_old_port)
{
    enter_network_with_redis();
    struct program *worker = start_worker("close", "same-port", "REDISGUARD_LOG_LEVEL=info");
    outage_under(worker);
    expect_only_the_new_connection(worker);
    const char *log = end_program(worker).err;
    cr_expect_eq(lines_with(log, "has dropped its end of the dead connection from 127.0.0.1:"), 1,
                 "%s", log);
    cr_expect_eq(lines_with(log, "may still hold its end"), 0, "%s", log);
}

/* ---- many threads, and forks ---- */

enum { STORM_THREADS = 16 };

static struct outcome storm(const char *const argv[], const char *const env[])
{
    struct program *program = start_program(argv, env);
    WAIT_UNTIL(waiting() == STORM_THREADS);
    cut_link(redis);
    wait_for_line(program, "all are dead");
    heal_link();
    tell_program(program, "again\n");
    wait_for_line(program, "children that held a connection of the library: none, that failed: 0");
    wait_for_line(program, "connected");
    WAIT_UNTIL(waiting() == STORM_THREADS);
    return finish_program(program);
}

Test(half_open, threads_that_reconnect_at_once_reset_all_and_children_hold_no_knock)
{
    allow_seconds(40);
    enter_network_with_redis();
    struct outcome outcome = storm(WORDS(PROGRAMS "half_open_storm", text("%d", redis->port)),
                                   guarded(redis, WORDS("REDISGUARD_DETECT=3")));
    cr_expect_eq(outcome.status, 0, "%s", outcome.err);
}

/* With the library's modules linked in, as in threads.c. */
Test(half_open, threads_that_reconnect_at_once_have_no_data_race)
{
    enter_network_with_redis();
    struct outcome outcome =
        storm(WORDS("setarch", "-R", BUILD_DIR "/tsan/half_open_storm", text("%d", redis->port)),
              WORDS("TSAN_OPTIONS=exitcode=66:report_signal_unsafe=0:report_thread_leaks=0",
                    "REDISGUARD_DETECT=3", text("REDISGUARD_PORTS=%d", redis->port)));
    cr_expect_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect(strstr(outcome.err, "WARNING: ThreadSanitizer") == NULL, "%s", outcome.err);
}

/* ---- the program gives up first ---- */

/* A worker gives up after a second; its TCP_USER_TIMEOUT of 3 s would end its FIN after four. The
 * death of another, whose detection time is 8 s, tells that the outage has lasted for longer. */
static void fin_arrives_after_an_outage(const char *how_to_close)
{
    enter_network_with_redis();
    struct program *clock =
        start_worker_detecting(8, "close", "blocking", "REDISGUARD_RESET_HALF_OPEN=0");
    WAIT_UNTIL(waiting() == 1);
    struct program *worker = start_worker(how_to_close, "blocking", "REDISGUARD_RESET_HALF_OPEN=0");
    WAIT_UNTIL(waiting() == 2);
    cut_link(redis);
    WAIT_UNTIL(strstr(sockets_to(redis->port), "timer:(keepalive,") != NULL &&
               strstr(sockets_to(redis->port), ",1)") != NULL); /* a probe is unanswered */
    tell_program(worker, "give up\n");
    wait_for_line(worker, "gave up");
    wait_for_line(clock, "died");
    heal_link();
    WAIT_UNTIL(waiting() == 1); /* the clock's: nobody resets that */
}

Test(half_open, fin_of_a_program_that_gives_up_arrives_after_the_outage)
{
    fin_arrives_after_an_outage("close");
}

Test(half_open, fin_of_a_program_that_shuts_down_first_arrives_after_the_outage)
{
    fin_arrives_after_an_outage("shutdown");
}
