/*
 * The log: what each line says, where it goes, and that no full disk, closed descriptor or
 * untrusted link makes the library write elsewhere or harm the program. Real programs write it.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
#define FIVE ", KEEPIDLE 11 s, KEEPINTVL 7 s, KEEPCNT 2, USER_TIMEOUT 23456 ms"

static bool matches(const char *line, const char *pattern)
{
    regex_t regex;
    int error = regcomp(&regex, text("^%s$", pattern), REG_EXTENDED | REG_NOSUB);
    cr_assert_eq(error, 0, "%s", pattern);
    return regexec(&regex, line, 0, NULL, 0) == 0;
}

static void expect_match(const char *line, const char *pattern)
{
    cr_assert(matches(line, pattern), "the line\n%s\nis not\n%s", line, pattern);
}

/* One line of it, counted from 0. */
static char *line_of(const char *log, int number)
{
    for (; number > 0; number--)
        log = strchr(log, '\n') + 1;
    return text("%.*s", (int)strcspn(log, "\n"), log);
}

static char *guarded_line(int pid, int fd, const char *peer)
{
    return text(TIME " redisguard\\[%d\\] debug: descriptor %d guarded: %s", pid, fd, peer);
}

/* ---- what a line says ---- */

Test(logging, guarded_connection_logs_descriptor_peer_and_five_values)
{
    struct server *redis = start_redis(NULL);
    struct program *program = start_program(
        STEPS("socket=tcp", connect_step(redis), "socket=tcp6", connect6_step(redis), "socket=tcp6",
              connect_mapped_step(redis), "socket=unix", connect_unix_step(redis)),
        guarded(redis, WORDS(TUNED, LOGGED(log_path()))));
    struct outcome outcome = finish_program(program);
    char *log = content_of(log_path());
    char *in4 = text("127\\.0\\.0\\.1:%d" FIVE, redis->port);
    char *in6 = text("\\[::1\\]:%d" FIVE, redis->port);
    cr_assert_str_empty(outcome.err);
    cr_assert_eq(lines_with(log, ""), 4, "%s", log);
    expect_match(line_of(log, 0), guarded_line(program->pid, 3, in4));
    expect_match(line_of(log, 1), guarded_line(program->pid, 4, in6));
    expect_match(line_of(log, 2), guarded_line(program->pid, 5, in4));
    expect_match(line_of(log, 3),
                 text(TIME
                      " redisguard\\[%d\\] debug: descriptor 6 guarded against fork and exec: %s",
                      program->pid, redis->unix_socket));
}

static char *last_line_with(const char *log, const char *part)
{
    char *found = NULL;
    for (int i = 0; i < lines_with(log, ""); i++)
        if (strstr(line_of(log, i), part))
            found = line_of(log, i);
    cr_assert(found != NULL, "no line with %s:\n%s", part, log);
    return found;
}

/* The child's pid and number, and the pid that opened the connection. */
static void expect_child_line(const char *fork, const char *verb)
{
    struct server *redis = start_redis(NULL);
    struct program *program =
        start_program(STEPS("socket=tcp", connect_step(redis), "fork", "wait"),
                      guarded(redis, WORDS(fork, LOGGED(log_path()))));
    finish_program(program);
    char *log = content_of(log_path());
    cr_assert_eq(lines_with(log, ""), 3, "%s", log);
    char *line = last_line_with(log, "in this child");
    expect_match(line, text(TIME " redisguard\\[[0-9]+\\] debug: descriptor 3 %s in this child: "
                                 "127\\.0\\.0\\.1:%d, opened [0-9] s ago by pid %d",
                            verb, redis->port, program->pid));
    cr_assert_not(strstr(line, text("redisguard[%d]", program->pid)), "%s", log);
    expect_match(last_line_with(log, "inherited"),
                 text(TIME " redisguard\\[%d\\] info: descriptor 3 is inherited by forked children "
                           "and %s there: 127\\.0\\.0\\.1:%d, opened [0-9] s ago",
                      program->pid, verb, redis->port));
}

Test(logging, child_and_parent_log_one_line_each_for_severed_connection)
{
    expect_child_line("REDISGUARD_FORK=sever", "cut off");
}

Test(logging, child_and_parent_log_one_line_each_for_closed_connection)
{
    expect_child_line("REDISGUARD_FORK=close", "closed");
}

Test(logging, child_logs_first_peer_after_second_connect_fails)
{
    struct server *redis = start_redis(NULL);
    struct server *other = start_redis(NULL);
    printed_by(STEPS("socket=tcp", connect_step(redis), connect_step(other), "fork", "wait"),
               WORDS(GUARDED_EVERYWHERE, LOGGED(log_path())));
    char *log = content_of(log_path());
    cr_assert_eq(lines_with(log, text("in this child: 127.0.0.1:%d,", redis->port)), 1, "%s", log);
}

/* ---- what is said without being asked for more ---- */

/* The lines at level info, which is the default. */
static char *info_lines_of(const char *const steps[], const char *setting)
{
    char *log = text("%s/info", scratch_directory());
    unlink(log);
    printed_by(steps, WORDS(GUARDED_EVERYWHERE, setting, text("REDISGUARD_LOG=%s", log)));
    return access(log, F_OK) == 0 ? content_of(log) : text("%s", "");
}

Test(logging, parent_logs_inherited_connection_once_for_all_children)
{
    struct server *redis = start_redis(NULL);
    char *log =
        info_lines_of(STEPS("socket=tcp", connect_step(redis), "repeat=20", "fork", "wait", "ping"),
                      "REDISGUARD_FORK=sever");
    cr_assert_eq(lines_with(log, ""), 1, "%s", log);
    cr_assert_eq(lines_with(log, "info: descriptor 3 is inherited by forked children"), 1, "%s",
                 log);
}

Test(logging, parent_logs_each_inherited_connection_and_no_copy)
{
    struct server *redis = start_redis(NULL);
    char *log = info_lines_of(STEPS("socket=tcp", connect_step(redis), "dup", "socket=tcp",
                                    connect_step(redis), "repeat=3", "fork", "wait"),
                              "REDISGUARD_FORK=sever");
    cr_assert_eq(lines_with(log, ""), 2, "%s", log);
}

Test(logging, parent_logs_new_connection_at_reported_number_again)
{
    struct server *redis = start_redis(NULL);
    char *log =
        info_lines_of(STEPS("repeat=3", "socket=tcp", connect_step(redis), "fork", "wait", "close"),
                      "REDISGUARD_FORK=sever");
    cr_assert_eq(lines_with(log, "descriptor 3 is inherited"), 3, "%s", log);
    cr_assert_eq(lines_with(log, ""), 3, "%s", log);
}

Test(logging, parent_logs_more_connections_than_one_fork_checks)
{
    enum { CONNECTIONS = 150 };
    struct server *redis = start_redis(NULL);
    const char *steps[2 * CONNECTIONS + 20] = {PROGRAMS "sockets"};
    size_t count = 1;
    for (int i = 0; i < CONNECTIONS; i++) {
        steps[count++] = "socket=tcp";
        steps[count++] = connect_step(redis);
    }
    for (int i = 0; i < 3; i++) {
        steps[count++] = "fork";
        steps[count++] = "wait";
    }
    char *log = info_lines_of(steps, "REDISGUARD_FORK=sever");
    cr_assert_eq(lines_with(log, "is inherited by forked children"), CONNECTIONS, "%s", log);
}

/* Their numbers stay on record, and each is asked about. */
Test(logging, second_fork_logs_connection_after_many_closed_ones)
{
    enum { CONNECTIONS = 100 };
    struct server *redis = start_redis(NULL);
    const char *steps[4 * CONNECTIONS + 20] = {PROGRAMS "sockets"};
    size_t count = 1;
    for (int i = 0; i < CONNECTIONS; i++) {
        steps[count++] = "socket=tcp";
        steps[count++] = connect_step(redis);
    }
    for (int i = 0; i < CONNECTIONS - 1; i++) {
        steps[count++] = text("use=%d", 3 + i);
        steps[count++] = "close";
    }
    for (int i = 0; i < 2; i++) {
        steps[count++] = "fork";
        steps[count++] = "wait";
    }
    char *log = info_lines_of(steps, "REDISGUARD_FORK=sever");
    cr_assert_eq(lines_with(log, ""), 1, "%s", log);
    cr_assert_eq(lines_with(log, text("descriptor %d is inherited", 2 + CONNECTIONS)), 1, "%s",
                 log);
}

Test(logging, parent_logs_nothing_where_children_keep_connections)
{
    struct server *redis = start_redis(NULL);
    const char *connect = connect_step(redis);
    cr_assert_str_empty(
        info_lines_of(STEPS("socket=tcp", connect, "fork", "wait"), "REDISGUARD_FORK=off"));
    cr_assert_str_empty(
        info_lines_of(STEPS("socket=tcp", connect, "daemon"), "REDISGUARD_FORK=sever"));
    cr_assert_str_empty(info_lines_of(STEPS("socket=tcp", connect, "close", "fork", "wait"),
                                      "REDISGUARD_FORK=sever"));
    cr_assert_str_empty(
        info_lines_of(STEPS("repeat=20", "socket=tcp", connect, "close"), "REDISGUARD_FORK=sever"));
}

/* ---- the journal ---- */

/* Standard error is what systemd would say in JOURNAL_STREAM that it is; or something else. */
static char *said_to_journal(const struct server *redis, const char *inode, const char *setting)
{
    const char *shell =
        text("export JOURNAL_STREAM=$(stat -L -c %%d:%s /proc/self/fd/2); "
             "LD_PRELOAD=" LIBRARY " exec " PROGRAMS "sockets socket=tcp %s fork wait",
             inode, connect_step(redis));
    return run_program(WORDS("bash", "-c", shell),
                       WORDS("REDISGUARD_PORTS=1-65535", setting, "REDISGUARD_LOG_LEVEL=debug"))
        .err;
}

Test(logging, lines_to_journal_begin_with_their_priority)
{
    struct server *redis = start_redis(NULL);
    char *lines = said_to_journal(redis, "%i", "REDISGUARD_LOG=stderr");
    cr_assert_eq(lines_with(lines, ""), 3, "%s", lines);
    expect_match(last_line_with(lines, "guarded"),
                 text("<7>" TIME " redisguard\\[[0-9]+\\] debug: descriptor 3 guarded: .*"));
    expect_match(last_line_with(lines, "inherited"),
                 text("<6>" TIME " redisguard\\[[0-9]+\\] info: descriptor 3 is inherited .*"));
    cr_assert_str_eq(said_to_journal(redis, "%i", "REDISGUARD_LOG=/no/log"),
                     "<4>redisguard: cannot write to the log \"/no/log\": no such directory\n");
    lines = said_to_journal(redis, "%i", "REDISGUARD_KEEPCNT=900");
    cr_assert(strncmp(lines, "<4>redisguard: REDISGUARD_KEEPCNT=\"900\" is not", 45) == 0, "%s",
              lines);
    lines = said_to_journal(redis, "%i", "REDISGUARD_KEEPIDEL=9");
    cr_assert(strncmp(lines, "<4>redisguard: unknown variable REDISGUARD_KEEPIDEL;", 45) == 0, "%s",
              lines);
}

Test(logging, lines_outside_journal_begin_with_time)
{
    struct server *redis = start_redis(NULL);
    char *lines = said_to_journal(redis, "1%i", "REDISGUARD_LOG=stderr");
    cr_assert_eq(lines_with(lines, ""), 3, "%s", lines);
    cr_assert_not(strchr(lines, '<'), "%s", lines);
    char *log = log_path();
    cr_assert_str_empty(said_to_journal(redis, "%i", text("REDISGUARD_LOG=%s", log)));
    cr_assert_not(strchr(content_of(log), '<'), "%s", content_of(log));
}

/* ---- what else a line says ---- */

Test(logging, unguarded_connections_are_not_logged)
{
    struct server *redis = start_redis(NULL);
    printed_by(STEPS("socket=tcp", connect_step(redis), "fork", "wait", "socket=udp",
                     "connect=127.0.0.1:1"),
               WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1", LOGGED(log_path())));
    cr_assert_eq(access(log_path(), F_OK), -1, "%s", content_of(log_path()));
}

static int lines_at_level(const struct server *redis, const char *level)
{
    char *log = text("%s/%s", scratch_directory(), level);
    /* debug: guarded; info: inherited; warn: refused by the trap */
    printed_by(STEPS("socket=tcp", connect_step(redis), "fork", "socket=tcp", connect_step(redis),
                     "fork", "wait"),
               guarded(redis, WORDS("REDISGUARD_TRAP=1", text("REDISGUARD_LOG=%s", log),
                                    text("REDISGUARD_LOG_LEVEL=%s", level))));
    return access(log, F_OK) == 0 ? lines_with(content_of(log), "") : 0;
}

Test(logging, level_filters_lines)
{
    struct server *redis = start_redis(NULL);
    cr_assert_eq(lines_at_level(redis, "debug"), 4);
    cr_assert_eq(lines_at_level(redis, "info"), 2);
    cr_assert_eq(lines_at_level(redis, "warn"), 1);
    cr_assert_eq(lines_at_level(redis, "error"), 0);
}

Test(logging, no_line_goes_to_standard_output)
{
    struct server *redis = start_redis(NULL);
    const char *const steps[] = {
        PROGRAMS "sockets", "socket=tcp", connect_step(redis), "fork", "wait", NULL};
    struct outcome bare = run_program(steps, NULL);
    struct outcome to_stderr = run_program(
        steps, guarded(redis, WORDS("REDISGUARD_LOG=stderr", "REDISGUARD_LOG_LEVEL=debug")));
    struct outcome to_file = run_program(steps, guarded(redis, WORDS(LOGGED(log_path()))));
    cr_assert_str_eq(to_stderr.out, bare.out);
    cr_assert_str_eq(to_file.out, bare.out);
    cr_assert_str_empty(to_file.err);
    cr_assert_eq(lines_with(to_stderr.err, "descriptor 3 "), 3, "%s", to_stderr.err);
}

/* ---- the file ---- */

Test(logging, each_line_is_one_write_to_file_opened_for_appending)
{
    struct server *redis = start_redis(NULL);
    char *calls =
        calls_of(STEPS("socket=tcp", connect_step(redis), "socket=tcp", connect_step(redis)),
                 guarded(redis, WORDS(LOGGED(log_path()))), "openat,write");
    cr_assert_eq(lines_with(calls, text("<%s>, \"", log_path())), 2, "two writes:\n%s", calls);
    cr_assert_eq(lines_with(calls, "\"log\", O_WRONLY|O_CREAT|O_NOCTTY|O_APPEND|O_NONBLOCK"), 2,
                 "two opens:\n%s", calls);
    cr_assert_eq(lines_with(content_of(log_path()), ""), 2);
}

Test(logging, file_with_lines_in_it_is_added_to)
{
    struct server *redis = start_redis(NULL);
    char *log = scratch_file("log", "an older line\n", 0600);
    printed_by(STEPS("socket=tcp", connect_step(redis)), guarded(redis, WORDS(LOGGED(log))));
    char *content = content_of(log);
    cr_assert(strncmp(content, "an older line\n", 14) == 0, "%s", content);
    cr_assert_eq(lines_with(content, ""), 2, "%s", content);
}

Test(logging, new_log_file_is_not_world_readable)
{
    struct server *redis = start_redis(NULL);
    struct stat status;
    mode_t before = umask(0);
    printed_by(STEPS("socket=tcp", connect_step(redis)), guarded(redis, WORDS(LOGGED(log_path()))));
    umask(before);
    cr_assert_eq(stat(log_path(), &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0640, "%o", status.st_mode);
}

Test(logging, twenty_processes_at_once_never_mix_their_lines)
{
    enum { PROCESSES = 20, CONNECTS = 50 };
    struct server *redis = start_redis(NULL);
    struct program *programs[PROCESSES];
    const char *const *env = guarded(redis, WORDS(TUNED, LOGGED(log_path())));
    for (int i = 0; i < PROCESSES; i++) {
        programs[i] = start_program(
            STEPS("hold", text("repeat=%d", CONNECTS), "socket=tcp", connect_step(redis), "close"),
            env);
        wait_for_line(programs[i], "hold");
    }
    for (int i = 0; i < PROCESSES; i++)
        tell_program(programs[i], "\n");
    for (int i = 0; i < PROCESSES; i++)
        cr_assert_eq(finish_program(programs[i]).status, 0);

    char *log = content_of(log_path());
    cr_assert_eq(lines_with(log, ""), PROCESSES * CONNECTS);
    char *pattern = text(TIME " redisguard\\[[0-9]+\\] debug: descriptor 3 guarded: "
                              "127\\.0\\.0\\.1:%d" FIVE,
                         redis->port);
    cr_assert_eq(log[strlen(log) - 1], '\n');
    log[strlen(log) - 1] = '\0';
    while (log != NULL)
        expect_match(strsep(&log, "\n"), pattern);
}

Test(logging, after_rotation_lines_go_to_new_file)
{
    struct server *redis = start_redis(NULL);
    char *rotated = text("%s.1", log_path());
    struct program *program = start_program(
        STEPS("socket=tcp", connect_step(redis), "hold", "socket=tcp", connect_step(redis)),
        guarded(redis, WORDS(LOGGED(log_path()))));
    wait_for_line(program, "hold");
    cr_assert_eq(rename(log_path(), rotated), 0);
    tell_program(program, "\n");
    finish_program(program);
    cr_assert_eq(lines_with(content_of(rotated), "descriptor 3 guarded"), 1);
    cr_assert_eq(lines_with(content_of(rotated), ""), 1);
    cr_assert_eq(lines_with(content_of(log_path()), "descriptor 4 guarded"), 1);
}

Test(logging, daemon_that_closed_every_descriptor_still_logs)
{
    struct server *redis = start_redis(NULL);
    printed_by(STEPS("daemon", "use=0", "close", "use=2", "close", "socket=tcp",
                     connect_step(redis), "socket=tcp", connect_step(redis), "fork", "wait"),
               guarded(redis, WORDS(LOGGED(log_path()))));
    char *log = content_of(log_path());
    cr_assert_eq(lines_with(log, "descriptor 0 guarded"), 1, "%s", log);
    cr_assert_eq(lines_with(log, "descriptor 2 guarded"), 1, "%s", log);
    cr_assert_eq(lines_with(log, "cut off in this child"), 2, "%s", log);
}

/* ---- links ---- */

/* A directory like /tmp. */
static char *public_directory(void)
{
    char *directory = text("%s/public", scratch_directory());
    cr_assert_eq(mkdir(directory, 0700), 0);
    cr_assert_eq(chmod(directory, 01777), 0);
    return directory;
}

/* Guarded, and one line on standard error says that there is no log and why. */
static void expect_no_log(const struct server *redis, const char *log, const char *why)
{
    struct outcome outcome = run_program(STEPS("socket=tcp", connect_step(redis), "socket=tcp",
                                               connect_step(redis), "options", "ping"),
                                         guarded(redis, WORDS(TUNED, LOGGED(log))));
    cr_assert_eq(outcome.status, 0);
    EXPECT_LINES(outcome.out, "socket 3\nconnect 0\nsocket 4\nconnect 0\n" TUNED_OPTIONS
                              " CLOEXEC 1\nping +PONG\n");
    EXPECT_LINES(outcome.err, text("redisguard: cannot write to the log \"%s\": %s\n", log, why));
}

Test(logging, link_in_world_writable_directory_is_not_followed)
{
    struct server *redis = start_redis(NULL);
    char *victim = scratch_file("victim", "", 0600);
    char *link = text("%s/l", public_directory());
    cr_assert_eq(symlink(victim, link), 0);
    expect_no_log(redis, link, "it is a link where others can put one");
    cr_assert_str_empty(content_of(victim));
}

Test(logging, linked_directory_in_world_writable_directory_is_not_followed)
{
    struct server *redis = start_redis(NULL);
    char *directory = text("%s/l", public_directory());
    cr_assert_eq(symlink(scratch_directory(), directory), 0);
    expect_no_log(redis, text("%s/log", directory),
                  "a part of the path is not a directory, or is a link where others can put one");
    cr_assert_eq(access(log_path(), F_OK), -1);
}

Test(logging, link_in_own_directory_is_followed)
{
    needs_directories_of_root();
    struct server *redis = start_redis(NULL);
    char *link = text("%s/link", scratch_directory());
    cr_assert_eq(symlink(log_path(), link), 0);
    printed_by(STEPS("socket=tcp", connect_step(redis)), guarded(redis, WORDS(LOGGED(link))));
    cr_assert_eq(lines_with(content_of(log_path()), "guarded"), 1);
}

/* ---- logs that cannot be written ---- */

Test(logging, missing_log_directory_is_reported_once_and_program_runs)
{
    expect_no_log(start_redis(NULL), text("%s/no/log", scratch_directory()), "no such directory");
}

Test(logging, fifo_that_nobody_reads_does_not_stop_program)
{
    struct server *redis = start_redis(NULL);
    cr_assert_eq(mkfifo(log_path(), 0600), 0);
    expect_no_log(redis, log_path(), "it is a FIFO that nobody reads");
}

Test(logging, fifo_that_is_full_does_not_stop_program)
{
    struct server *redis = start_redis(NULL);
    cr_assert_eq(mkfifo(log_path(), 0600), 0);
    int fifo = open(log_path(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    while (write(fifo, "x", 1) == 1)
        ;
    EXPECT_LINES(run_program(STEPS("socket=tcp", connect_step(redis), "ping"),
                             guarded(redis, WORDS(LOGGED(log_path()))))
                     .out,
                 "socket 3\nconnect 0\nping +PONG\n");
}

/* Beyond RLIMIT_FSIZE write(2) raises SIGXFSZ, which ends a program that does not expect it. */
Test(logging, log_at_file_size_limit_does_not_end_program)
{
    struct server *redis = start_redis(NULL);
    char *log = scratch_file("log", "as long as files may be\n", 0600);
    struct outcome outcome = run_program(WORDS("prlimit", "--fsize=24", PROGRAMS "sockets",
                                               "socket=tcp", connect_step(redis), "ping"),
                                         guarded(redis, WORDS(LOGGED(log))));
    cr_assert_eq(outcome.signal, 0, "ended by signal %d", outcome.signal);
    EXPECT_LINES(outcome.out, "socket 3\nconnect 0\nping +PONG\n");
}

/* ---- stderr ---- */

Test(logging, file_that_took_number_of_stderr_is_not_written_to)
{
    struct server *redis = start_redis(NULL);
    char *data = scratch_file("data", "", 0600);
    struct outcome outcome =
        run_program(STEPS("socket=tcp", connect_step(redis), "use=2", "close",
                          text("open=%s", data), "socket=tcp", connect_step(redis), "fork", "wait"),
                    guarded(redis, WORDS("REDISGUARD_LOG=stderr", "REDISGUARD_LOG_LEVEL=debug")));
    EXPECT_LINES(outcome.out, "socket 3\nconnect 0\nclose 0\nopen 2\nsocket 4\nconnect 0\n"
                              "child\nparent\n");
    cr_assert_eq(lines_with(outcome.err, ""), 1, "only the first was due:\n%s", outcome.err);
    cr_assert_str_empty(content_of(data));
}

/* A log line in the stream would be a command, and its error the answer to the PING. */
Test(logging, connection_that_took_number_of_stderr_is_not_written_to)
{
    struct server *redis = start_redis(NULL);
    struct outcome outcome =
        run_program(STEPS("use=2", "close", "socket=tcp", connect_step(redis), "ping"),
                    guarded(redis, WORDS("REDISGUARD_LOG=stderr", "REDISGUARD_LOG_LEVEL=debug")));
    EXPECT_LINES(outcome.out, "close 0\nsocket 2\nconnect 0\nping +PONG\n");
}

/* The shell's redirections are the test: what is stderr by the time that the program starts? */
static void expect_to_run_on(const char *redirections, const char *number)
{
    struct server *redis = start_redis(NULL);
    char *fifo = text("%s/fifo", scratch_directory());
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    const char *shell = text("exec 3<>%s 2>%s; %s; exec " PROGRAMS "sockets socket=tcp %s ping",
                             fifo, fifo, redirections, connect_step(redis));
    struct outcome outcome =
        run_program(WORDS("bash", "-c", shell),
                    guarded(redis, WORDS("REDISGUARD_LOG=stderr", "REDISGUARD_LOG_LEVEL=debug")));
    cr_assert_eq(outcome.signal, 0, "ended by signal %d", outcome.signal);
    EXPECT_LINES(outcome.out, text("socket %s\nconnect 0\nping +PONG\n", number));
}

Test(logging, stderr_that_is_closed_does_not_harm_program)
{
    expect_to_run_on("exec 2>&- 3>&-", "2");
}

Test(logging, stderr_that_nobody_reads_does_not_end_program)
{
    expect_to_run_on("exec 3>&-", "3");
}

Test(logging, stderr_that_is_full_does_not_stop_program)
{
    expect_to_run_on("dd if=/dev/zero of=/dev/fd/3 bs=4096 oflag=nonblock status=none 2>/dev/null",
                     "4");
}
