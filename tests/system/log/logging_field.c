/*
 * The log in operation: logrotate rotates it while many processes write to it, and its disk is full
 * for a while. Every line in it must be whole, and the programs unharmed.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <regex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROCESSES = 8, LINES = 50 };

static char *log_in(const char *directory)
{
    return text("%s/log", directory);
}

/* Made with mode 0755 whatever the tester's umask is: logrotate trusts no other. */
static char *log_directory(void)
{
    char *directory = text("%s/logs", scratch_directory());
    cr_assert_eq(mkdir(directory, 0755), 0);
    return directory;
}

/* Each time that it is told to it connects, which is a line, so many times. */
static struct program *start_writer(const struct server *redis, int rounds, const char *log)
{
    const char *steps[3 + 3 * LINES + 1] = {PROGRAMS "sockets", text("repeat=%d", rounds), "hold"};
    for (int i = 0; i < LINES; i++) {
        steps[3 + 3 * i] = "socket=tcp";
        steps[4 + 3 * i] = connect_step(redis);
        steps[5 + 3 * i] = "close";
    }
    return start_program(steps, guarded(redis, WORDS(LOGGED(log))));
}

/* Of how many lines, so many are whole: what a guarded connection to this server gives. */
static int count_lines(const char *log, const struct server *redis, int *whole)
{
    regex_t pattern;
    int lines = 0;
    cr_assert_eq(regcomp(&pattern,
                         text("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z "
                              "redisguard\\[[0-9]+\\] debug: descriptor [0-9]+ guarded: "
                              "127\\.0\\.0\\.1:%d, KEEPIDLE 30 s, KEEPINTVL 5 s, KEEPCNT 3, "
                              "USER_TIMEOUT 45000 ms$",
                              redis->port),
                         REG_EXTENDED | REG_NOSUB),
                 0);
    *whole = 0;
    for (; *log; lines++) {
        size_t length = strcspn(log, "\n");
        char *line = text("%.*s", (int)length, log);
        *whole += log[length] == '\n' && regexec(&pattern, line, 0, NULL, 0) == 0;
        log += length + (log[length] == '\n');
    }
    return lines;
}

/* Every one must be whole; their number. */
static int whole_lines(const char *log, const struct server *redis)
{
    int whole = 0;
    int lines = count_lines(log, redis, &whole);
    cr_assert_eq(whole, lines, "%d of %d lines are whole:\n%s", whole, lines, log);
    return whole;
}

/* ---- rotation ---- */

static void rotate(const char *log, const char *how)
{
    char *rules =
        scratch_file("rules", text("%s {\n rotate 100\n missingok\n %s\n}\n", log, how), 0644);
    output_of(WORDS("/usr/sbin/logrotate", "--force", "--state",
                    text("%s/state", scratch_directory()), rules));
}

Test(logging_field, rename_of_log_loses_and_tears_no_line_of_many_processes)
{
    enum { ROTATIONS = 6 };
    struct server *redis = start_redis(NULL);
    struct program *writers[PROCESSES];
    char *directory = log_directory();
    for (int i = 0; i < PROCESSES; i++)
        writers[i] = start_writer(redis, ROTATIONS, log_in(directory));
    for (int rotation = 0; rotation < ROTATIONS; rotation++) {
        for (int i = 0; i < PROCESSES; i++)
            wait_for_line(writers[i], "hold");
        for (int i = 0; i < PROCESSES; i++)
            tell_program(writers[i], "\n");
        WAIT_UNTIL(access(log_in(directory), F_OK) == 0);
        rotate(log_in(directory), "nocreate");
    }
    for (int i = 0; i < PROCESSES; i++) {
        struct outcome outcome = finish_program(writers[i]);
        cr_assert_eq(outcome.status, 0, "signal %d", outcome.signal);
        cr_assert_str_empty(outcome.err);
    }
    cr_assert_eq(access(text("%s.%d", log_in(directory), ROTATIONS), F_OK), 0);
    char *all = output_of(WORDS("sh", "-c", text("cat %s/*", directory)));
    cr_assert_eq(whole_lines(all, redis), PROCESSES * LINES * ROTATIONS);
}

Test(logging_field, copytruncate_lets_log_continue_at_its_beginning)
{
    struct server *redis = start_redis(NULL);
    char *log = log_in(log_directory());
    struct program *program = start_program(STEPS("repeat=3", "socket=tcp", connect_step(redis),
                                                  "hold", "socket=tcp", connect_step(redis)),
                                            guarded(redis, WORDS(LOGGED(log))));
    for (int i = 0; i < 3; i++) {
        wait_for_line(program, "hold");
        rotate(log, "copytruncate");
        tell_program(program, "\n");
    }
    finish_program(program);
    cr_assert_eq(whole_lines(content_of(log), redis), 1);
    cr_assert_eq(whole_lines(content_of(text("%s.1", log)), redis), 2);
    cr_assert_eq(whole_lines(content_of(text("%s.2", log)), redis), 2);
    cr_assert_eq(whole_lines(content_of(text("%s.3", log)), redis), 1);
}

/* The new file is there when it is rotated, but not for this process: nothing else of it changes.
 */
Test(logging_field, logging_resumes_when_file_becomes_writable_again)
{
    struct server *redis = start_redis(NULL);
    char *log = scratch_file("log", "", 0600);
    struct program *program =
        start_program(STEPS("socket=tcp", connect_step(redis), "hold", "socket=tcp",
                            connect_step(redis), "ping", "hold", "socket=tcp", connect_step(redis)),
                      guarded(redis, WORDS(LOGGED(log))));
    wait_for_line(program, "hold");
    cr_assert_eq(rename(log, text("%s.1", log)), 0);
    cr_assert_eq(mkdir(log, 0700), 0);
    tell_program(program, "\n");
    wait_for_line(program, "ping +PONG");
    wait_for_line(program, "hold");
    cr_assert_eq(rmdir(log), 0);
    tell_program(program, "\n");
    struct outcome outcome = finish_program(program);
    EXPECT_LINES(outcome.err, text("redisguard: cannot write to the log \"%s\": EISDIR\n", log));
    cr_assert_eq(whole_lines(content_of(log), redis), 1);
}

/* ---- a full disk ---- */

/* A disk of this size, of the test's own; it goes with the mount namespace. */
static char *small_disk(const char *size)
{
    char *disk = text("%s/disk", scratch_directory());
    cr_assert_eq(mkdir(disk, 0700), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        cr_skip_test("needs a mount namespace: run as root, and in no plain chroot");
    cr_assert_eq(mount("none", disk, "tmpfs", 0, text("size=%s", size)), 0, "%s", strerror(errno));
    return disk;
}

/* All the room but some for a few lines. */
static char *fill(const char *disk, const char *blocks)
{
    char *filler = text("%s/filler", disk);
    output_of(WORDS("dd", "if=/dev/zero", text("of=%s", filler), "bs=4096",
                    text("count=%s", blocks), "status=none"));
    return filler;
}

/* Connects once each time that it is told to; every round shows that it goes on as always. */
static struct program *start_worker(const struct server *redis, const char *log)
{
    return start_program(
        STEPS("repeat=1000", "hold", "socket=tcp", connect_step(redis), "options", "ping", "close"),
        guarded(redis, WORDS(LOGGED(log))));
}

static void connects(struct program *worker)
{
    tell_program(worker, "\n");
    wait_for_line(worker, "options KEEPALIVE 1 KEEPIDLE 30");
    wait_for_line(worker, "ping +PONG");
}

/*
 * The disk takes the beginning of one line. Who wrote that breaks the line before its next one; the
 * first line of another process may follow on the part, and an empty one on that. Nothing is ever
 * cut off a log.
 */
Test(logging_field, logging_resumes_with_whole_lines_after_full_disk)
{
    enum { ROUNDS = 30 };
    char *disk = small_disk("16k");
    char *log = log_in(disk);
    char *filler = fill(disk, "3");
    struct server *redis = start_redis(NULL);
    struct program *workers[] = {start_worker(redis, log), start_worker(redis, log)};
    int before = 0, after = 0;
    for (int i = 0; i < ROUNDS; i++) {
        connects(workers[0]);
        connects(workers[1]);
    }
    int lines = count_lines(content_of(log), redis, &before);
    cr_assert(before > 0 && before < 2 * ROUNDS, "the disk was not full: %d lines", before);
    cr_assert(lines <= before + 1, "%d lines, %d whole", lines, before);
    cr_assert_eq(unlink(filler), 0);
    for (int i = 0; i < 4; i++)
        connects(workers[i % 2]);
    lines = count_lines(content_of(log), redis, &after);
    cr_assert(after >= before + 3 && lines <= after + 2, "%d lines, %d whole, %d before", lines,
              after, before);
    for (int i = 0; i < 2; i++)
        EXPECT_LINES(end_program(workers[i]).err,
                     text("redisguard: cannot write to the log \"%s\": ENOSPC\n", log));
}
