/*
 * The library's manual explains every kind of log line, and no other. The tests compare its
 * examples with the formats in the source, and those with the lines that real programs produce.
 */
#include "child.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <regex.h>
#include <string.h>
#include <sys/syscall.h>

/* ---- the formats in the source ---- */

struct kind {
    const char *level; /* "": a complaint on standard error, without time and pid */
    char *format;
    char *pattern; /* a regular expression for what the format makes */
    int examples;
};

enum { KINDS_AT_MOST = 64 };
static struct kind kinds[KINDS_AT_MOST];
static int count;

/* The literals at *at, put together, and the one macro that stands between some. */
static char *literal_at(const char *at)
{
    static const char prefix[] = "REDISGUARD_PREFIX";
    char *all = text("%s", "");
    for (;;) {
        at += strspn(at, " \n");
        if (strncmp(at, prefix, strlen(prefix)) == 0) {
            all = text("%sREDISGUARD_", all);
            at += strlen(prefix);
        } else if (*at == '"') {
            for (at++; *at != '"'; at++)
                all = text("%s%c", all, *at == '\\' ? *++at : *at);
            at++;
        } else {
            return all;
        }
    }
}

static char *pattern_of(const char *format)
{
    char *pattern = text("%s", "");
    for (const char *at = format; *at != '\0'; at++) {
        if (*at != '%') {
            pattern = text("%s%s%c", pattern, strchr("[](){}.*+?^$|\\", *at) ? "\\" : "", *at);
            continue;
        }
        size_t length = strspn(at + 1, ".*j0123456789") + 1;
        pattern = text("%s%s", pattern, at[length] == 's' ? "[^,]*" : "[0-9]+");
        at += length;
    }
    return pattern;
}

static void add_kind(const char *level, const char *literal)
{
    char *format = literal_at(literal);
    cr_assert(count < KINDS_AT_MOST && *format != '\0', "no format at: %.60s", literal);
    kinds[count++] = (struct kind){level, format, pattern_of(format), 0};
}

/* Where a call has its first literal. */
static const char *first_literal(const char *call)
{
    return strchr(call, '"');
}

static const char *level_at(const char *name)
{
    static const char *const levels[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++)
        if (strncmp(name, levels[i], strlen(levels[i])) == 0)
            return names[i];
    cr_assert_fail("no level: %.60s", name);
    return NULL;
}

static void read_source(void)
{
    static const char write[] = "log_write(", once[] = "log_warn_once(&",
                      complaint[] = "\"%sredisguard: ", level[] = "LOG_LEVEL_";
    char *source = output_of(
        WORDS("sh", "-c", "cat " SOURCE_DIR "/shim/lib/*.c " SOURCE_DIR "/shim/lib/*/*.c"));
    for (const char *at = source; (at = strstr(at, write)) != NULL;) {
        at += strlen(write);
        at += strspn(at, " \n");
        if (strncmp(at, level, strlen(level)) == 0)
            add_kind(level_at(at + strlen(level)), first_literal(at));
    }
    for (const char *at = source; (at = strstr(at, once)) != NULL; at++)
        add_kind("warn", first_literal(at));
    for (const char *at = source; (at = strstr(at, complaint)) != NULL; at++)
        add_kind("", at);
    cr_assert(count > 10);
}

static bool is_of(const struct kind *kind, const char *line)
{
    regex_t regex;
    const char *level = *kind->level == '\0' ? "" : text("%s: ", kind->level);
    char *end = *kind->level == '\0' ? "" : "$"; /* a complaint goes on with what is allowed */
    char *pattern = text("^%s%s%s", level, kind->pattern, end);
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0, "%s", pattern);
    bool matches = regexec(&regex, line, 0, NULL, 0) == 0;
    regfree(&regex);
    return matches;
}

/* It is an example of one format, and of no other. */
static void count_example(const char *line, const char *where)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        if (is_of(&kinds[i], line)) {
            kinds[i].examples++;
            found++;
        }
    cr_expect_eq(found, 1, "%d formats in the source make this line of %s:\n%s", found, where,
                 line);
}

static void count_examples(char *lines, const char *where)
{
    for (char *line; (line = strsep(&lines, "\n")) != NULL;)
        if (*line != '\0')
            count_example(line, where);
}

static void expect_an_example_of_each(const char *level_or_all, const char *where)
{
    for (int i = 0; i < count; i++)
        if (*level_or_all == '\0' || *kinds[i].level != '\0')
            cr_expect(kinds[i].examples > 0, "%s has no example of:\n%s: %s", where, kinds[i].level,
                      kinds[i].format);
}

Test(logging_manual, manual_has_example_of_each_format_and_no_other_line)
{
    read_source();
    count_examples(output_of(WORDS("sed", "-n", "-E", "-e", "s/\\\\-/-/g", "-e",
                                   "s/^([.]I )?((error|warn|info|debug|redisguard): )/\\2/p",
                                   SOURCE_DIR "/shim/man/redisguard.7")),
                   "the manual");
    expect_an_example_of_each("", "the manual");
}

/* ---- what real programs make it write ---- */

static struct server *redis;

static void run_logged(const char *setting, const char *const argv[])
{
    run_program(argv, guarded(redis, WORDS(setting, LOGGED(log_path()))));
}

/* Into a sandbox that refuses this call. */
static void run_refused(const char *rule, const char *const steps[])
{
    const char *argv[16] = {PROGRAMS "sandbox_run", "1", rule, "--"};
    for (size_t i = 0; steps[i]; i++)
        argv[4 + i] = steps[i];
    run_logged("REDISGUARD_FORCE=1", argv);
}

static void make_every_kind_of_line(void)
{
    const char *connect = connect_step(redis);
    run_logged("REDISGUARD_FORK=sever", STEPS("socket=tcp", connect, "fork", "wait"));
    run_logged("REDISGUARD_FORK=close", STEPS("socket=tcp", connect, "fork", "wait"));
    run_logged("REDISGUARD_FORCE=1", STEPS("socket=tcp", connect, "connect=unspec"));
    run_logged("REDISGUARD_FORCE=1", STEPS("socket=unix", connect_unix_step(redis)));
    run_logged("REDISGUARD_TRAP=1", STEPS("socket=tcp", connect));
    run_refused(text("%d/1=%d/2=%d", SYS_setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT),
                STEPS("socket=tcp", connect));
    run_refused(text("%d/1=%d", SYS_fcntl, F_SETFD), STEPS("socket=tcp", connect));
    run_refused(text("%d/0=-1", SYS_rt_sigprocmask), STEPS("socket=tcp", connect));
    run_refused(text("%d/1=%d/2=%d", SYS_getsockopt, SOL_SOCKET, SO_COOKIE),
                STEPS("socket=tcp", connect));
    run_refused(text("%d", SYS_socketpair), STEPS("socket=tcp", connect, "fork", "wait"));
    run_logged("REDISGUARD_FORCE=1", WORDS(PROGRAMS "limits_memory", text("%d", redis->port)));
    run_logged("REDISGUARD_FORCE=1", WORDS(PROGRAMS "rebind_seccomp", text("%d", redis->port),
                                           built_module("rebind_relro")));
    run_logged("REDISGUARD_FORCE=1", WORDS("php", "-r", ""));
}

/* The next connection's SYN passes, and none after it: as behind a firewall that knows the old port
 * no more. */
static void let_one_syn_pass(void)
{
    static const char syn[] = "add rule inet one in tcp flags & (syn|ack) == syn";
    output_of(
        WORDS("/usr/sbin/nft", text("add table inet one\n"
                                    "add chain inet one in { type filter hook input priority 0; }\n"
                                    "%s limit rate 1/hour burst 1 packets accept\n%s drop\n",
                                    syn, syn)));
}

/* The first time the server drops its end, the second time it is not reached. */
static void make_the_lines_of_two_outages(void)
{
    struct program *worker = start_program(
        WORDS(PROGRAMS "half_open_worker", text("%d", redis->port), "close", "blocking"),
        guarded(redis, WORDS("REDISGUARD_DETECT=3", LOGGED(log_path()))));
    for (int outage = 1; outage <= 2; outage++) {
        WAIT_UNTIL(strstr(redis_ask(redis, "CLIENT LIST"), "cmd=blpop") != NULL);
        cut_link(redis);
        wait_for_line(worker, "died");
        heal_link();
        if (outage == 2)
            let_one_syn_pass();
        tell_program(worker, "again\n");
        wait_for_line(worker, "connected");
    }
    end_program(worker);
}

Test(logging_manual, some_program_produces_every_log_format)
{
    read_source();
    enter_private_network();
    redis = start_redis(WORDS("--tcp-keepalive", "300"));
    make_every_kind_of_line();
    make_the_lines_of_two_outages();
    count_examples(output_of(WORDS("sed", "-E", "s/^[^ ]* redisguard\\[[0-9]+\\] //", log_path())),
                   "a log");
    expect_an_example_of_each("with a level", "the log");
}
