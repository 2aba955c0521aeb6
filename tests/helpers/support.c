/*
 * Runs programs for the system tests: their environment, their outputs, and the deadline. May start
 * processes and write below the test's own directory; ends nothing itself, its reaper does. Called
 * by every system test.
 */
#include "support.h"

#include "reaper.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 4096, GLANCE_MS = 5 };

static int limit_seconds = 150;

/* ---- words ---- */

static char *joined(const char *const words[])
{
    char *all = text("%s", words[0]);
    for (size_t i = 1; words[i]; i++)
        all = text("%s %s", all, words[i]);
    return all;
}

/* ---- time ---- */

void allow_seconds(int seconds)
{
    limit_seconds = seconds;
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long long now_ms(void)
{
    return (long long)(seconds_now() * 1000);
}

long long deadline(void)
{
    return now_ms() + limit_seconds * 1000LL;
}

void pause_before(long long deadline, const char *condition)
{
    cr_assert(now_ms() < deadline, "after %d s still not: %s", limit_seconds, condition);
    poll(NULL, 0, GLANCE_MS);
}

/* ---- the environment of a program ---- */

static bool may_be_inherited(const char *variable)
{
    static const char *const not_these[] = {"REDISGUARD_", "LD_PRELOAD=", "BXFI_", "LC_ALL="};
    for (size_t i = 0; i < sizeof not_these / sizeof *not_these; i++)
        if (strncmp(variable, not_these[i], strlen(not_these[i])) == 0)
            return false;
    return true;
}

static bool same_name(const char *one, const char *other)
{
    size_t length = strcspn(one, "=");
    return strncmp(one, other, length) == 0 && other[length] == '=';
}

static size_t set_variable(const char **list, size_t count, const char *variable)
{
    for (size_t i = 0; i < count; i++)
        if (same_name(variable, list[i])) {
            list[i] = variable;
            return count;
        }
    list[count] = variable;
    return count + 1;
}

static size_t count_of(const char *const list[])
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static const char **environment(const char *const more[])
{
    const char *const *mine = (const char *const *)environ;
    const char **list = calloc(count_of(mine) + count_of(more) + 2, sizeof *list);
    size_t count = 0;
    cr_assert(list, "out of memory");
    for (size_t i = 0; mine[i]; i++)
        if (may_be_inherited(mine[i]))
            list[count++] = mine[i];
    count = set_variable(list, count, "LC_ALL=C");
    for (size_t i = 0; more && more[i]; i++)
        count = set_variable(list, count, more[i]);
    return list;
}

/* ---- start ---- */

struct launch {
    const char *const *argv;
    const char **env;
    int in, out, err;
};

/* In the child. What Criterion has done to signals must not reach the program. */
static void run(void *argument)
{
    struct launch *launch = argument;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    dup2(launch->in, 0);
    dup2(launch->out, 1);
    dup2(launch->err, 2);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execvpe(launch->argv[0], (char *const *)launch->argv, (char *const *)launch->env);
    dprintf(2, "the test could not run %s: %s\n", launch->argv[0], strerror(errno));
    _exit(127);
}

/* ends[0] to read from, ends[1] to write to; neither ever lands on 0, 1 or 2. */
static void make_pipe(int ends[2])
{
    int made = pipe2(ends, O_CLOEXEC);
    cr_assert(made == 0 && ends[0] > 2 && ends[1] > 2, "pipe: %s", strerror(errno));
}

static bool receive_report(struct program *program, struct report *report)
{
    return recv(program->control, report, sizeof *report, 0) == (ssize_t)sizeof *report;
}

struct program *start_program(const char *const argv[], const char *const env[])
{
    int in[2], out[2], err[2];
    make_pipe(in);
    make_pipe(out);
    make_pipe(err);
    struct launch launch = {argv, environment(env), in[0], out[1], err[1]};
    struct reaper reaper = keep_program(run, &launch);
    close(in[0]);
    close(out[1]);
    close(err[1]);

    struct program *program = calloc(1, sizeof *program);
    cr_assert(program, "out of memory");
    *program = (struct program){.reaper = reaper.pid,
                                .control = reaper.control,
                                .input = in[1],
                                .command = joined(argv),
                                .out = {.fd = out[0], .text = text("%s", "")},
                                .err = {.fd = err[0], .text = text("%s", "")}};
    struct report started;
    cr_assert(receive_report(program, &started) && started.pid > 0, "could not start %s", argv[0]);
    program->pid = started.pid;
    return program;
}

/* ---- watch ---- */

static void read_some(struct stream *stream)
{
    char *roomier = realloc(stream->text, stream->length + CHUNK + 1);
    cr_assert(roomier, "out of memory");
    stream->text = roomier;
    ssize_t got = read(stream->fd, roomier + stream->length, CHUNK);
    if (got <= 0) {
        close(stream->fd);
        stream->fd = -1;
        got = 0;
    }
    stream->length += (size_t)got;
    roomier[stream->length] = '\0';
}

static void hear_of_its_end(struct program *program)
{
    struct report report;
    cr_assert(receive_report(program, &report), "the reaper of %s is gone", program->command);
    program->ended = true;
    program->status = report.code == CLD_EXITED ? report.status : -1;
    program->signal = report.code == CLD_EXITED ? 0 : report.status;
}

/* Takes in whatever happens next; false when the deadline has passed. */
static bool observe(struct program *program, long long deadline)
{
    struct pollfd watched[] = {
        {.fd = program->out.fd, .events = POLLIN},
        {.fd = program->err.fd, .events = POLLIN},
        {.fd = program->ended ? -1 : program->control, .events = POLLIN},
    };
    long long left = deadline - now_ms();
    if (left < 0 || poll(watched, 3, (int)left) == 0)
        return false;
    if (watched[0].revents)
        read_some(&program->out);
    if (watched[1].revents)
        read_some(&program->err);
    if (watched[2].revents)
        hear_of_its_end(program);
    return true;
}

static bool outputs_ended(const struct program *program)
{
    return program->out.fd < 0 && program->err.fd < 0;
}

static char *next_line_with(struct stream *stream, const char *part)
{
    char *found = strstr(stream->text + stream->seen, part);
    char *end = found ? strchr(found, '\n') : NULL;
    if (!end)
        return NULL;
    char *start = found;
    while (start > stream->text + stream->seen && start[-1] != '\n')
        start--;
    stream->seen = (size_t)(end + 1 - stream->text);
    return text("%.*s", (int)(end - start), start);
}

static void end_reaper(struct program *program)
{
    shutdown(program->control, SHUT_WR);
    waitpid(program->reaper, NULL, 0);
}

/* Fails the test, which ends here. */
static void fail(struct program *program, const char *why)
{
    end_reaper(program);
    cr_assert_fail("%s: %s\n-- standard output:\n%s\n-- standard error:\n%s", program->command, why,
                   program->out.text, program->err.text);
}

char *line_or_end(struct program *program, const char *part)
{
    long long until = deadline();
    for (;;) {
        char *line = next_line_with(&program->out, part);
        if (!line)
            line = next_line_with(&program->err, part);
        if (line || outputs_ended(program))
            return line;
        if (!observe(program, until))
            fail(program, text("after %d s it had not printed \"%s\"", limit_seconds, part));
    }
}

char *wait_for_line(struct program *program, const char *part)
{
    char *line = line_or_end(program, part);
    if (!line)
        fail(program, text("ended, and had not printed \"%s\"", part));
    return line;
}

/* MSG_NOSIGNAL has no like for a pipe: a program that is gone must fail the test, not kill it. */
void tell_program(struct program *program, const char *words)
{
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    ssize_t written = write(program->input, words, strlen(words));
    signal(SIGPIPE, before);
    if (written != (ssize_t)strlen(words))
        fail(program, text("does not listen to \"%s\"", words));
}

/* ---- end ---- */

static struct outcome conclude(struct program *program)
{
    long long until = deadline();
    while (!program->ended || !outputs_ended(program))
        if (!observe(program, until))
            fail(program, text("after %d s %s", limit_seconds,
                               program->ended ? "someone still held its outputs open"
                                              : "it was still running"));
    return (struct outcome){program->status, program->signal, program->out.text, program->err.text};
}

struct outcome finish_program(struct program *program)
{
    close(program->input);
    struct outcome outcome = conclude(program);
    end_reaper(program);
    return outcome;
}

struct outcome end_program(struct program *program)
{
    close(program->input);
    end_reaper(program);
    return conclude(program);
}

struct outcome run_program(const char *const argv[], const char *const env[])
{
    return finish_program(start_program(argv, env));
}

char *output_of(const char *const argv[])
{
    struct program *program = start_program(argv, NULL);
    struct outcome outcome = finish_program(program);
    if (outcome.status != 0)
        fail(program, text("ended with %d, signal %d", outcome.status, outcome.signal));
    return outcome.out;
}

void needs(const char *tool)
{
    if (run_program(WORDS("sh", "-c", "command -v \"$0\"", tool), NULL).status != 0)
        cr_skip_test("needs %s: tests/dependencies test", tool);
}

/* ---- files ---- */

char *scratch_file(const char *name, const char *content, mode_t mode)
{
    char *path = text("%s/%s", scratch_directory(), name);
    FILE *file = fopen(path, "we");
    cr_assert(file, "%s: %s", path, strerror(errno));
    bool written = fputs(content, file) >= 0;
    bool closed = fclose(file) == 0;
    cr_assert(written && closed && chmod(path, mode) == 0, "%s: %s", path, strerror(errno));
    return path;
}

char *log_path(void)
{
    return text("%s/log", scratch_directory());
}
