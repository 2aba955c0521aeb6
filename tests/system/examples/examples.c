/*
 * The example programs, each checked by its own tool and run for real: PHP, the C compiler. What
 * the examples of supervisors, services and containers share (examples.h) is here as well.
 */
#include "examples.h"
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* s: what a test here can wait for, and how much later is in time. */
enum { DETECT = 4, MARGIN = 1 };

char *from_shell(const char *script, const char *argument, const char *other)
{
    return output_of(WORDS("sh", "-e", "-c", script, "sh", argument, other));
}

char *example(const char *name)
{
    return text(SOURCE_DIR "/examples/%s", name);
}

/* ---- PHP ---- */

static void php_finds_no_fault_with(const char *script)
{
    struct outcome outcome = run_program(
        WORDS("php", "-d", "error_reporting=-1", "-d", "display_errors=1", "-l", script), NULL);
    cr_expect_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_expect_str_eq(outcome.out, text("No syntax errors detected in %s\n", script));
}

Test(examples, php_finds_no_fault_with_any_of_its_own)
{
    char *scripts = from_shell("printf '%s\\n' \"$1\"*.php", example(""), NULL);
    for (char *script = strtok(scripts, "\n"); script != NULL; script = strtok(NULL, "\n"))
        php_finds_no_fault_with(script);
}

/* ---- brpop-worker.php ---- */

static struct program *start_worker(const struct server *server, const char *const more[])
{
    return start_program(WORDS("php", example(WORKER), "--port", text("%d", server->port)),
                         guarded(server, more));
}

static void wait_until_it_waits(const struct server *server)
{
    WAIT_UNTIL(strstr(redis_ask(server, "INFO clients"), "blocked_clients:1") != NULL);
}

void takes_an_item(struct program *worker, const struct server *server, const char *item)
{
    redis_ask(server, "LPUSH jobs %s", item);
    wait_for_line(worker, text(" item {\"payload\":\"%s\"}", item));
}

/* All that it has said, be it to its supervisor. */
char *told_by(struct outcome outcome)
{
    return text("%s%s", outcome.out, outcome.err);
}

void ends_in_order(struct program *program, int signal)
{
    kill(program->pid, signal);
    struct outcome outcome = finish_program(program);
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
    const char *stopping = text(" stopping {\"signal\":%d}", signal);
    cr_expect(strstr(told_by(outcome), stopping) != NULL, "%s", told_by(outcome));
    cr_expect(strstr(told_by(outcome), " stopped {\"items\":") != NULL, "%s", told_by(outcome));
}

static void every_line_is_an_event(char *lines, pid_t worker)
{
    regex_t event;
    const char *form = text("^[0-9-]{10}T[0-9:.]{12}Z brpop-worker\\[%d\\] "
                            "(started|connected|item|stopping|stopped) \\{.*\\}$",
                            (int)worker);
    cr_assert_eq(regcomp(&event, form, REG_EXTENDED | REG_NOSUB), 0);
    for (char *line = strsep(&lines, "\n"); lines != NULL; line = strsep(&lines, "\n"))
        cr_expect_eq(regexec(&event, line, 0, NULL, 0), 0, "not an event: %s", line);
}

Test(examples, brpop_worker_takes_items_and_says_so_in_one_line_each)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    takes_an_item(worker, server, "first");
    redis_ask(server, "LPUSH jobs %s", "two\nlines \"quoted\" \xff");
    wait_for_line(worker, " item {\"payload\":\"two\\nlines \\\"quoted\\\" \\ufffd\"}");

    kill(worker->pid, SIGTERM);
    struct outcome outcome = finish_program(worker);
    cr_expect_str_empty(outcome.out);
    cr_expect(strstr(outcome.err, " stopped {\"items\":2}\n") != NULL, "%s", outcome.err);
    every_line_is_an_event(outcome.err, worker->pid);
}

static void ends_while_it_waits(int signal)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    wait_until_it_waits(server);
    ends_in_order(worker, signal);
}

Test(examples, brpop_worker_ends_in_order_on_sigterm_while_it_waits)
{
    ends_while_it_waits(SIGTERM);
}

Test(examples, brpop_worker_ends_in_order_on_sigint_while_it_waits)
{
    ends_while_it_waits(SIGINT);
}

Test(examples, brpop_worker_ends_in_order_while_redis_is_away)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    wait_until_it_waits(server);
    stop_redis(server);
    wait_for_line(worker, " lost {\"error\":\"Connection refused\"");
    ends_in_order(worker, SIGTERM);
}

Test(examples, brpop_worker_comes_back_authenticated_when_server_drops_it)
{
    struct server *server = start_redis(WORDS("--requirepass", "secret"));
    struct program *worker = start_worker(server, WORDS("REDIS_PASSWORD=secret"));
    wait_for_line(worker, " connected ");
    wait_until_it_waits(server);
    cr_assert_str_eq(redis_ask(server, "CLIENT KILL TYPE normal"), "1");
    wait_for_line(worker, " lost ");
    wait_for_line(worker, " connected ");
    takes_an_item(worker, server, "afterwards");
    ends_in_order(worker, SIGTERM);
}

/* phpredis 5.3.7 of itself connects again and waits there for the reply to what it had sent here.
 * strace stops the worker behind its first command, and the server drops it at this moment. */
Test(examples, brpop_worker_is_not_stuck_when_server_drops_it_before_it_reads)
{
    needs("strace");
    struct server *server = start_redis(NULL);
    struct program *worker =
        start_program(WORDS("strace", "-D", "-o", "/dev/null", "-e", "trace=sendto", "-e",
                            "inject=sendto:signal=STOP:when=1", "php", example(WORKER), "--port",
                            text("%d", server->port), "--block", "600"),
                      guarded(server, NULL));
    wait_until_it_waits(server);
    cr_assert_str_eq(redis_ask(server, "CLIENT KILL TYPE normal"), "1");
    kill(worker->pid, SIGCONT);
    wait_for_line(worker, " lost ");
    wait_for_line(worker, " connected ");
    takes_an_item(worker, server, "afterwards");
}

/* In a private network nobody takes the port meanwhile. */
Test(examples, brpop_worker_comes_back_when_server_was_restarted)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, NULL);
    wait_until_it_waits(server);
    stop_redis(server);
    wait_for_line(worker, " lost ");
    struct server *restarted = start_redis(WORDS("--port", text("%d", server->port)));
    wait_for_line(worker, " connected ");
    takes_an_item(worker, restarted, "afterwards");
    ends_in_order(worker, SIGTERM);
}

Test(examples, brpop_worker_notices_cut_within_detect_plus_1_s_and_recovers)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_worker(server, WORDS(text("REDISGUARD_DETECT=%d", DETECT)));
    wait_for_line(worker, " connected ");
    wait_until_it_waits(server);

    double cut = seconds_now();
    cut_link(server);
    wait_for_line(worker, " lost ");
    double elapsed = seconds_now() - cut;
    cr_expect(elapsed <= DETECT + MARGIN, "noticed only after %.1f s", elapsed);

    /* The server knows nothing yet, and might hand an item to the connection that is gone. */
    redis_ask(server, "CLIENT KILL TYPE normal");
    heal_link();
    wait_for_line(worker, " connected ");
    takes_an_item(worker, server, "afterwards");
    ends_in_order(worker, SIGTERM);
}

/* ---- brpop-worker.php --processing ---- */

static struct program *start_processing_worker(const struct server *server, const char *block)
{
    return start_program(WORDS("php", example(WORKER), "--port", text("%d", server->port),
                               "--block", block, "--processing", "jobs:1"),
                         guarded(server, WORDS(text("REDISGUARD_DETECT=%d", DETECT))));
}

Test(examples, brpop_worker_keeps_item_in_its_own_list_until_it_is_done)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_processing_worker(server, "1");
    takes_an_item(worker, server, "first");
    takes_an_item(worker, server, "second");
    WAIT_UNTIL(strcmp(redis_ask(server, "LLEN jobs:1"), "0") == 0);
    cr_expect_str_eq(redis_ask(server, "LLEN jobs"), "0");
    ends_in_order(worker, SIGTERM);
}

Test(examples, brpop_worker_takes_back_what_earlier_process_left_oldest_first)
{
    struct server *server = start_redis(NULL);
    redis_ask(server, "LPUSH jobs:1 older newer");
    struct program *worker = start_processing_worker(server, "600");
    wait_for_line(worker, " item {\"payload\":\"newer\"}");
    char *told = told_by(end_program(worker));
    const char *older = strstr(told, " item {\"payload\":\"older\"}");
    cr_expect(older != NULL && older < strstr(told, " item {\"payload\":\"newer\"}"), "%s", told);
    cr_expect_str_eq(redis_ask(server, "LLEN jobs"), "0");
}

/* As where the server sent it into a connection that it believed to be alive. */
Test(examples, brpop_worker_takes_back_what_never_arrived_while_it_waits)
{
    struct server *server = start_redis(NULL);
    struct program *worker = start_processing_worker(server, "1");
    wait_until_it_waits(server);
    redis_ask(server, "LPUSH jobs:1 astray");
    wait_for_line(worker, " item {\"payload\":\"astray\"}");
    ends_in_order(worker, SIGTERM);
}

/* The server sends the item into the dead connection; what the worker says of it after the heal. */
static char *told_after_an_item_in_an_outage(struct server *server, struct program *worker)
{
    wait_for_line(worker, " connected ");
    wait_until_it_waits(server);
    cut_link(server);
    redis_ask(server, "LPUSH jobs outage");
    wait_for_line(worker, " lost ");
    heal_link();
    wait_for_line(worker, " connected ");
    takes_an_item(worker, server, "afterwards");
    return told_by(end_program(worker));
}

Test(examples, brpop_worker_loses_item_that_is_pushed_in_outage)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_program(
        WORDS("php", example(WORKER), "--port", text("%d", server->port), "--block", "600"),
        guarded(server, WORDS(text("REDISGUARD_DETECT=%d", DETECT))));
    char *told = told_after_an_item_in_an_outage(server, worker);
    cr_expect(strstr(told, "outage") == NULL, "%s", told);
    cr_expect_str_eq(redis_ask(server, "LLEN jobs"), "0");
}

Test(examples, brpop_worker_with_list_of_its_own_does_not_lose_it)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_processing_worker(server, "600");
    char *told = told_after_an_item_in_an_outage(server, worker);
    cr_expect(strstr(told, " item {\"payload\":\"outage\"}") != NULL, "%s", told);
}

Test(examples, brpop_worker_refuses_queue_as_its_own_list)
{
    struct outcome outcome =
        run_program(WORDS("php", example(WORKER), "--processing", "jobs"), NULL);
    cr_expect_eq(outcome.status, 2, "status %d", outcome.status);
    cr_expect(strstr(outcome.err, "processing is 'jobs'") != NULL, "%s", outcome.err);
}

Test(examples, brpop_worker_refuses_port_that_is_url)
{
    struct outcome outcome =
        run_program(WORDS("php", example(WORKER)), WORDS("REDIS_PORT=tcp://10.0.0.7:6379"));
    cr_expect_eq(outcome.status, 2, "status %d", outcome.status);
    cr_expect(strstr(outcome.err, "port is 'tcp://10.0.0.7:6379'") != NULL, "%s", outcome.err);
}

/* ---- trap.php ---- */

static struct outcome trap(const struct server *server, const char *more, const char *trapped)
{
    return run_program(WORDS("php", example("trap.php"), "--port", text("%d", server->port), more),
                       guarded(server, WORDS(trapped)));
}

static void the_worker_gets_its_answer(struct outcome outcome)
{
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, outcome.err);
    cr_expect_str_eq(outcome.out, "the worker got its answer\n");
    cr_expect_str_empty(outcome.err);
}

Test(examples, trap_names_file_and_line_that_connects_too_early)
{
    struct server *server = start_redis(NULL);
    const char *program = example("trap.php");
    int line = atoi(from_shell("grep -n 'the guilty line' \"$1\"", program, NULL));
    struct outcome outcome = trap(server, NULL, "REDISGUARD_TRAP=1");
    cr_expect_eq(outcome.status, 255, "status %d", outcome.status);
    cr_expect(strstr(outcome.err, text("%s(%d): connect()\n", program, line)) != NULL, "%s",
              outcome.err);
}

Test(examples, trap_is_silent_when_it_is_not_set)
{
    the_worker_gets_its_answer(trap(start_redis(NULL), NULL, NULL));
}

Test(examples, trap_is_silent_about_mended_program)
{
    the_worker_gets_its_answer(trap(start_redis(NULL), "--mended", "REDISGUARD_TRAP=1"));
}

/* ---- weak-api.c ---- */

static void weak_api_prints(const struct server *server, const char *const env[], const char *lines)
{
    static char *program;
    if (!program) {
        program = text("%s/weak-api", scratch_directory());
        output_of(WORDS("cc", "-Wall", "-Wextra", "-Werror", "-I", example("../include"), "-o",
                        program, example("weak-api.c")));
    }
    struct outcome outcome =
        run_program(WORDS(program, "127.0.0.1", text("%d", server->port)), env);
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, outcome.err);
    cr_expect_str_eq(outcome.out, lines);
}

Test(examples, weak_api_runs_with_and_without_library)
{
    struct server *server = start_redis(NULL);
    weak_api_prints(server, NULL,
                    "library=absent\nguarded=unknown\nreleased=unneeded\nguarded=unknown\n");
    weak_api_prints(server, guarded(server, NULL),
                    "library=" REDISGUARD_VERSION "\nguarded=1\nreleased=1\nguarded=0\n");
    weak_api_prints(server, guarded(server, WORDS("REDISGUARD_DISABLE=1")),
                    "library=" REDISGUARD_VERSION
                    "\nguarded=0\nreleased=0 (No such file or directory)\nguarded=0\n");
}

/* ---- what the examples of supervisors, services and containers share ---- */

void needs_a_system_of_its_own(void)
{
    needs_root("to mount and to change the root directory");
    if (run_program(WORDS("unshare", "--mount", "chroot", "/", "true"), NULL).status != 0)
        cr_skip_test("needs mount namespaces and chroot");
}

struct program *follow(const char *name, const char *command)
{
    needs_a_system_of_its_own();
    return start_program(WORDS("unshare", "--mount", RECIPES "/follow", scratch_directory(),
                               SOURCE_DIR, BUILD_DIR, example(name), command),
                         WORDS("REDISGUARD_STRICT=1"));
}

static struct outcome run_inside(const struct program *program, const char *command)
{
    return run_program(WORDS("nsenter", text("--target=%d", (int)program->pid), "--mount", "--root",
                             "--wd", "env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                             "sh", "-c", command),
                       NULL);
}

bool succeeds_inside(const struct program *program, const char *command)
{
    return run_inside(program, command).status == 0;
}

char *inside(const struct program *program, const char *command)
{
    struct outcome outcome = run_inside(program, command);
    cr_assert_eq(outcome.status, 0, "%s: %s", command, told_by(outcome));
    return outcome.out;
}

struct server *start_redis_on_its_port(void)
{
    needs_a_system_of_its_own();
    enter_private_network();
    return start_redis(WORDS("--port", "6379"));
}

/* Until the first probe, as ss(8) puts it: "timer:(keepalive,14sec,0)", and below ten seconds
 * "9.536ms". phpredis itself sets no such timer. */
static double seconds_to_first_probe(const struct server *server)
{
    double seconds = -1;
    const char *timer = strstr(sockets_to(server->port), "timer:(keepalive,");
    if (timer != NULL)
        sscanf(timer, "timer:(keepalive,%lf", &seconds);
    return seconds;
}

void is_guarded_as_told(const struct server *server)
{
    enum { DETECT_IN_EXAMPLES = 15 };
    double seconds = -1;
    WAIT_UNTIL((seconds = seconds_to_first_probe(server)) >= 0);
    cr_expect(seconds <= DETECT_IN_EXAMPLES, "the first probe is %.0f s away", seconds);
}

void is_seen_to_work(const struct program *program, int connections)
{
    char *audit = inside(program, "redisguard --audit");
    cr_expect_eq(lines_with(audit, " guarded " REDISGUARD_VERSION), connections, "%s", audit);
    cr_expect_eq(lines_with(audit, "unguarded"), 0, "%s", audit);
}

void is_at_work_and_guarded(struct program *supervisor, const struct server *server)
{
    wait_for_line(supervisor, " connected ");
    is_guarded_as_told(server);
    takes_an_item(supervisor, server, "supervised");
}
