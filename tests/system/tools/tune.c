/*
 * --tune on connections of programs that nobody guards: PHP with phpredis, a static Go program, and
 * programs/sockets, which prints its own options. Oracle: what the program says, and getsockopt(2)
 * in it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tune.h"

enum { DETECT = 4, MARGIN = 1, NOT_ALL_TUNED = 1 };

#define TUNE      WRAPPER, "--tune"
#define DETECT_4  "--detect", "4" /* DETECT */
#define UNTOUCHED "options KEEPALIVE 0 KEEPIDLE 7200 KEEPINTVL 75 KEEPCNT 9 USER_TIMEOUT 0"
#define THE_CHANGE                                                                                 \
    "keepalive off -> 1+3x1 s, user timeout none -> 4 s, detection time unlimited -> 4 s"

static char *tuned(const struct server *server, const char *const argv[], int status)
{
    return audited(argv, TO_PORT_OF(server), status);
}

static struct program *start_php(const char *script, const struct server *server)
{
    return start_program(WORDS("php", text(SOURCE_DIR "/tests/system/dead_peer/%s", script),
                               port_of(server), "connect"),
                         NULL);
}

static bool somebody_waits(const struct server *server, const char *name)
{
    return strstr(redis_ask(server, "CLIENT LIST"), name) != NULL;
}

/* ---- the hang ---- */

static void ends_in_time(struct program *worker, const struct server *server)
{
    double before = seconds_now();
    char *printed = tuned(server, WORDS(TUNE, pid_of(worker), DETECT_4), 0);
    wait_for_line(worker, "lost");
    double elapsed = seconds_now() - before;
    expect_part(printed, text("[%d]: keepalive ", (int)worker->pid));
    expect_part(printed, "detection time ");
    expect_part(printed, " -> 4 s");
    cr_expect(elapsed <= DETECT + MARGIN, "ended only after %.1f s", elapsed);
}

Test(tune, brpop_that_hangs_on_a_cut_link_ends_within_detect_and_a_second)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *other = start_php("brpop.php", server);
    struct program *worker = start_php("brpop.php", server);
    wait_for_line(other, "waits");
    wait_for_line(worker, "waits");
    WAIT_UNTIL(strstr(redis_ask(server, "CLIENT LIST"), "cmd=brpop") != NULL);
    cut_link(server);
    ends_in_time(worker, server);
    cr_expect(strstr(end_program(other).out, "lost") == NULL, "nothing has tuned that one");
}

/* CGO_ENABLED=0: static, and it makes its own system calls. */
static const char *go_worker(void)
{
    needs("go");
    const char *program = text("%s/tune_worker", scratch_directory());
    struct outcome built = run_program(
        WORDS("go", "build", "-o", program, SOURCE_DIR "/tests/system/tools/tune_worker.go"),
        WORDS("CGO_ENABLED=0", "GOCACHE=" BUILD_DIR "/go", text("HOME=%s", scratch_directory())));
    cr_assert_eq(built.status, 0, "%s%s", built.out, built.err);
    return program;
}

Test(tune, a_static_go_program_that_hangs_on_a_cut_link_ends_within_detect_and_a_second)
{
    enter_private_network();
    const char *program = go_worker();
    struct server *server = start_redis(NULL);
    struct program *worker =
        start_program(WORDS(program, text("127.0.0.1:%d", server->port)), NULL);
    wait_for_line(worker, "waits");
    WAIT_UNTIL(somebody_waits(server, "cmd=brpop"));
    cut_link(server);
    ends_in_time(worker, server);
}

/* What is sent into the void is retransmitted, further and further apart. */
Test(tune, a_connection_that_retransmits_is_said_to_heed_it_when_its_timer_expires)
{
    unsigned seconds = 0;
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *client = start_php("get_when_told.php", server);
    wait_for_line(client, "connected");
    cut_link(server);
    tell_program(client, "go\n");
    WAIT_UNTIL(strstr(sockets_to(server->port), ",5)") != NULL); /* retransmitted five times */
    double before = seconds_now();
    char *printed = tuned(server, WORDS(TUNE, pid_of(client), DETECT_4), 0);
    const char *said = strstr(printed, "; takes effect within ");
    cr_assert(said != NULL && sscanf(said, "; takes effect within %u s", &seconds) == 1, "%s",
              printed);
    wait_for_line(client, "lost");
    double elapsed = seconds_now() - before;
    cr_expect(elapsed <= seconds + MARGIN, "after %.1f s, said within %u s", elapsed, seconds);
}

/* ---- which connections, and what they get ---- */

Test(tune, the_five_options_are_set_and_the_line_says_what_was_and_what_is)
{
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    char *printed = tuned(server, WORDS(TUNE, pid_of(client), DETECT_4), 0);
    cr_expect_eq(strncmp(printed, "tuned 127.0.0.1:", strlen("tuned 127.0.0.1:")), 0);
    expect_part(printed, text(" > 127.0.0.1:%d held by sockets[%d]: " THE_CHANGE "\n", server->port,
                              (int)client->pid));
    expect_options(client, OURS);
}

Test(tune, a_dry_run_says_the_same_and_changes_nothing)
{
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    char *printed = tuned(server, WORDS(TUNE, "--dry-run", pid_of(client), DETECT_4), 0);
    cr_expect_eq(strncmp(printed, "would tune 127.0.0.1:", strlen("would tune 127.0.0.1:")), 0);
    expect_part(printed, ": " THE_CHANGE "\n");
    expect_options(client, UNTOUCHED);
}

Test(tune, values_that_notice_sooner_stay)
{
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "set=KEEPINTVL:2");
    char *printed =
        tuned(server, WORDS(TUNE, pid_of(client), "--keepidle", "9", "--keepintvl", "8"), 0);
    expect_part(printed, "tuned ");
    expect_options(client, "KEEPALIVE 1 KEEPIDLE 9 KEEPINTVL 2 KEEPCNT 3");
    printed = tuned(server, WORDS(TUNE, pid_of(client), "--detect", "600"), 0);
    expect_part(printed, "kept ");
    expect_part(printed, "keepalive 9+3x2 s -> 9+3x2 s");
}

Test(tune, only_the_connections_of_the_processes_that_were_named_are_tuned)
{
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    struct program *other = start_client(server, "guards");
    tuned(server, WORDS(TUNE, pid_of(client), DETECT_4), 0);
    expect_options(client, OURS);
    expect_options(other, UNTOUCHED);
}

Test(tune, without_a_pid_every_connection_is_tuned_and_no_server_end)
{
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    struct program *other = start_client(server, "guards");
    char *printed = tuned(server, WORDS(TUNE, DETECT_4), 0);
    cr_expect_eq(lines_with(printed, "tuned "), 2, "%s", printed);
    cr_expect_eq(lines_with(printed, "redis-server"), 0, "%s", printed);
    expect_options(client, OURS);
    expect_options(other, OURS);
}

Test(tune, the_connections_that_a_local_server_has_accepted_are_tuned_when_asked_for)
{
    struct server *server = start_redis(NULL);
    start_client(server, "guards");
    char *printed = tuned(server, WORDS(TUNE, "--server", DETECT_4), 0);
    expect_part(printed, text("tuned 127.0.0.1:%d > ", server->port));
    expect_part(printed, text("held by redis-server[%d]: keepalive 300+", server->program->pid));
    printed = tuned(server, WORDS(TUNE, "--server", "--dry-run", DETECT_4), 0);
    cr_expect_eq(lines_with(printed, "kept "), 2, "%s", printed);
}

/* The test is in a namespace of its own; its parent is not. */
Test(tune, with_all_other_network_namespaces_are_entered)
{
    needs_root("to enter its parent's namespace");
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    const char *outside = text("--net=/proc/%d/ns/net", (int)getppid());
    const char *const *env = TO_PORT_OF(server);
    struct outcome own = run_program(WORDS("nsenter", outside, TUNE, DETECT_4), env);
    cr_expect_str_empty(own.out);
    struct outcome all = run_program(WORDS("nsenter", outside, TUNE, "--all", DETECT_4), env);
    cr_expect_eq(lines_with(all.out, "tuned "), 1, "%s%s", all.out, all.err);
    expect_options(client, OURS);
}

/* ---- what may not be done ---- */

/* Nobody may not be able to reach the build directory; a descriptor needs no path. */
static struct outcome run_as_nobody(const struct server *server, const char *options)
{
    return run_program(WORDS("sh", "-c",
                             text("exec 9<\"$0\"; exec setpriv --reuid=65534 --regid=65534 "
                                  "--clear-groups /proc/self/fd/9 --tune %s",
                                  options),
                             WRAPPER),
                       TO_PORT_OF(server));
}

Test(tune, without_the_capability_it_is_named_and_the_status_is_125)
{
    needs_root("to become somebody else");
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    const char *const options[] = {"--detect 4", pid_of(client), "--watch 1"};
    for (size_t i = 0; i < 3; i++) {
        struct outcome outcome = run_as_nobody(server, options[i]);
        cr_expect_eq(outcome.status, FAILED, "status %d: %s", outcome.status, outcome.out);
        expect_part(outcome.err, "redisguard: CAP_SYS_PTRACE is missing: ");
    }
    expect_options(client, UNTOUCHED);
}

Test(tune, to_enter_a_namespace_without_the_capability_fails_and_names_it)
{
    needs_root("to become somebody else");
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    struct outcome outcome =
        run_program(WORDS("nsenter", text("--net=/proc/%d/ns/net", (int)getppid()), "setpriv",
                          "--bounding-set=-sys_admin", TUNE, pid_of(client), DETECT_4),
                    TO_PORT_OF(server));
    cr_expect_eq(outcome.status, FAILED, "status %d: %s", outcome.status, outcome.out);
    expect_part(outcome.err, "redisguard: CAP_SYS_ADMIN is missing: ");
    expect_options(client, UNTOUCHED);
}

Test(tune, a_process_that_does_not_exist_is_a_failure)
{
    struct outcome outcome = run_program(WORDS(TUNE, "999999999"), NULL);
    cr_expect_eq(outcome.status, FAILED);
    expect_part(outcome.err, "redisguard: process 999999999: there is none\n");
}

Test(tune, an_option_that_only_tune_has_is_refused_elsewhere)
{
    struct outcome outcome = run_program(WORDS(AUDIT, "--dry-run"), NULL);
    cr_expect_eq(outcome.status, FAILED);
    expect_part(outcome.err, "redisguard: --dry-run: only with --tune");
}
