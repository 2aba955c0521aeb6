/*
 * --tune --watch: what is new is tuned, the supervisor is told, and a round in which nothing is new
 * costs little. The machine with much on it is programs/tune_many.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tune.h"

#define WATCH WRAPPER, "--tune", "--watch", "1", "--detect", "4"

/* ---- the supervisor's end of NOTIFY_SOCKET ---- */

struct manager {
    int fd;
    char *variable;
};

static struct manager start_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", scratch_directory());
    struct manager manager = {socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                              text("NOTIFY_SOCKET=%s", address.sun_path)};
    cr_assert_eq(bind(manager.fd, (struct sockaddr *)&address, sizeof address), 0);
    return manager;
}

static void expect_told(struct manager manager, const char *state)
{
    char told[64] = "";
    ssize_t length = -1;
    WAIT_UNTIL((length = recv(manager.fd, told, sizeof told - 1, MSG_DONTWAIT)) > 0);
    told[length] = '\0';
    cr_expect_str_eq(told, state);
}

static struct program *start_watch(int port, const char *notify)
{
    return start_program(WORDS(WATCH), WORDS(text("REDISGUARD_PORTS=%d", port), notify));
}

Test(tune_watch, what_is_new_is_tuned_until_sigterm_ends_it_in_order)
{
    struct manager manager = start_manager();
    struct server *server = start_redis(NULL);
    struct program *first = start_client(server, "guards");
    struct program *watch = start_watch(server->port, manager.variable);
    wait_for_line(watch, text("held by sockets[%d]", (int)first->pid));
    expect_told(manager, "READY=1");
    struct program *second = start_client(server, "guards");
    wait_for_line(watch, text("held by sockets[%d]", (int)second->pid));
    expect_options(first, OURS);
    expect_options(second, OURS);
    kill(watch->pid, SIGTERM);
    expect_told(manager, "STOPPING=1");
    struct outcome outcome = finish_program(watch);
    cr_expect_eq(outcome.status, 0);
    cr_expect_eq(lines_with(outcome.out, "tuned "), 2, "each once:\n%s", outcome.out);
    cr_expect_str_empty(outcome.err);
}

/* As phpredis does after each connect(). */
Test(tune_watch, keepalive_that_the_program_turns_off_later_is_turned_on_again)
{
    struct server *server = start_redis(NULL);
    struct program *client = start_program(STEPS("socket=tcp", connect_step(server), "hold",
                                                 "set=KEEPALIVE:0", "hold", "options", "hold"),
                                           NULL);
    struct program *watch = start_watch(server->port, NULL);
    wait_for_line(watch, "tuned ");
    tell_program(client, "\n");
    wait_for_line(client, "set 0");
    wait_for_line(watch, "tuned ");
    wait_for_line(client, "hold");
    expect_options(client, OURS);
}

Test(tune_watch, it_ends_when_the_processes_that_were_named_have_ended)
{
    struct server *server = start_redis(NULL);
    struct program *client = start_client(server, "guards");
    struct program *watch =
        start_program(WORDS(WATCH, text("%d", (int)client->pid)), TO_PORT_OF(server));
    wait_for_line(watch, "tuned ");
    end_program(client);
    cr_expect_eq(finish_program(watch).status, 0);
}

/* ---- what it costs ---- */

enum { CONNECTIONS = 10000, PROCESSES = 2000, ROUNDS = 5 };

static int some_port(void)
{
    enter_private_network();
    return 6379;
}

/* Ten thousand lines are more than a pipe holds that nobody reads meanwhile. */
static struct program *start_watch_into_log(int port, const char *notify)
{
    return start_program(
        WORDS("sh", "-c", text("exec \"$0\" --tune --watch 1 --detect 4 >%s", log_path()), WRAPPER),
        WORDS(text("REDISGUARD_PORTS=%d", port), notify));
}

/* Processor time of the process itself, in ms: schedstat, in ns. */
static double processor_ms(const struct program *program)
{
    char *ns = content_of(text("/proc/%d/schedstat", (int)program->pid));
    return strtod(ns, NULL) / 1e6;
}

static double ms_per_round(const struct program *watch)
{
    double before = processor_ms(watch);
    double end = seconds_now() + ROUNDS;
    WAIT_UNTIL(seconds_now() >= end);
    return (processor_ms(watch) - before) / ROUNDS;
}

/* Of children that were waited for, in ms. */
static double children_ms(void)
{
    struct rusage usage;
    cr_assert_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* Of ss(8), which lists the same connections. */
static double ms_of_ss(int port)
{
    double before = children_ms();
    for (int i = 0; i < ROUNDS; i++)
        run_program(WORDS("sh", "-c", text("exec ss -Htn 'dport = :%d' >/dev/null", port)), NULL);
    return (children_ms() - before) / ROUNDS;
}

static void start_many(int port)
{
    struct program *many = start_program(WORDS(PROGRAMS "tune_many", text("%d", port),
                                               text("%d", CONNECTIONS), text("%d", PROCESSES)),
                                         NULL);
    wait_for_line(many, "ready");
}

static int established(int port)
{
    const char *filter = text("dport = :%d", port);
    return lines_with(output_of(WORDS("ss", "-Htn", "state", "established", filter)), ":");
}

/* Some 8 ms beside 35 ms where nothing else runs. */
Test(tune_watch, a_quiet_round_takes_less_than_half_the_processor_time_of_ss)
{
    double best = 2;
    int port = some_port();
    struct manager manager = start_manager();
    start_many(port);
    struct program *watch = start_watch_into_log(port, manager.variable);
    expect_told(manager, "READY=1");
    allow_seconds(120);
    WAIT_UNTIL(lines_with(content_of(log_path()), "tuned ") == CONNECTIONS);
    for (int attempt = 0; attempt < 6 && best > 0.5; attempt++) {
        double ours = ms_per_round(watch);
        double its = ms_of_ss(port);
        cr_log_info("a quiet round: %.1f ms, ss: %.1f ms\n", ours, its);
        best = ours / its < best ? ours / its : best;
    }
    cr_expect_eq(established(port), CONNECTIONS);
    cr_expect(best <= 0.5, "a quiet round takes %.2f of the processor time of ss", best);
    kill(watch->pid, SIGTERM);
    cr_expect_eq(finish_program(watch).status, 0);
}

static long probes_sent(void)
{
    const char *history = text("NSTAT_HISTORY=%s/nstat", scratch_directory());
    char *count = output_of(WORDS("env", history, "nstat", "-az", "TcpExtTCPKeepAlive"));
    return strtol(strstr(count, "KeepAlive") + strlen("KeepAlive"), NULL, 10);
}

/* They are silent from one moment on, so that their probes would be due in one moment, too. */
Test(tune_watch, no_connection_to_a_peer_that_lives_dies_when_ten_thousand_are_tuned)
{
    enum { PROBES_EACH = 6 }; /* the guard's own count is 3 */
    int port = some_port();
    start_many(port);
    output_of(WORDS("sh", "-c",
                    text("exec \"$0\" --tune --ports %d --detect 4 >%s", port, log_path()),
                    WRAPPER));
    allow_seconds(120);
    WAIT_UNTIL(probes_sent() >= (long)PROBES_EACH * CONNECTIONS);
    cr_expect_eq(established(port), CONNECTIONS);
}

/* A round asks netlink once. */
Test(tune_watch, a_quiet_round_opens_nothing)
{
    struct server *server = start_redis(NULL);
    start_client(server, "guards");
    const char *trace = log_path();
    struct program *watch = start_program(
        WORDS("strace", "-f", "-o", trace, "-e", "trace=open,openat,sendmsg,clone", WATCH),
        TO_PORT_OF(server));
    wait_for_line(watch, "tuned ");
    WAIT_UNTIL(lines_with(content_of(trace), "sendmsg(") == 3);
    int opened = lines_with(content_of(trace), "open");
    cr_assert(opened > 0);
    WAIT_UNTIL(lines_with(content_of(trace), "sendmsg(") == 6);
    cr_expect_eq(lines_with(content_of(trace), "open"), opened, "%s", content_of(trace));
}

static long most_memory_kb(const struct program *program)
{
    const char *status = content_of(text("/proc/%d/status", (int)program->pid));
    const char *line = strstr(status, "VmHWM:");
    return line != NULL ? strtol(line + strlen("VmHWM:"), NULL, 10) : 0;
}

static void churn(int port, int connections)
{
    struct program *program = start_program(
        WORDS(PROGRAMS "tune_many", "churn", text("%d", port), text("%d", connections)), NULL);
    wait_for_line(program, "churned");
    end_program(program);
}

/* The first ones make it as large as it gets: a round sees four thousand connections at most. */
Test(tune_watch, its_memory_does_not_grow_with_a_million_connections)
{
    enum { FIRST = 400000, A_MILLION = 1000000, MOST_KB = 256 };
    int port = some_port();
    struct manager manager = start_manager();
    struct program *watch = start_watch_into_log(port, manager.variable);
    expect_told(manager, "READY=1");
    allow_seconds(600);
    churn(port, FIRST);
    long before = most_memory_kb(watch);
    churn(port, A_MILLION);
    long grown = most_memory_kb(watch) - before;
    cr_log_info("grown by %ld KiB from %ld KiB\n", grown, before);
    cr_expect(grown <= MOST_KB, "grown by %ld KiB", grown);
    kill(watch->pid, SIGTERM);
    cr_expect_eq(finish_program(watch).status, 0);
}
