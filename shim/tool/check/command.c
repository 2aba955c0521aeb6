/*
 * command.c: see command.h. Looks a command up as execvp(3) does, and reads first lines as
 * execve(2) does.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/strings.h"
#include "launcher.h"
#include "program.h"
#include "report.h"

enum { STEPS_AT_MOST = 16, FIRST_LINE = 256 /* BINPRM_BUF_SIZE of the kernel */ };

/* ---- where it is ---- */

/* 0, or why execve would refuse it. */
static int error_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? EISDIR : EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* In PATH. The first that can be executed; else one that is there and cannot; NULL: none. */
static char *look_up(const char *name)
{
    const char *directories = getenv("PATH");
    char *list = xasprintf("%s", directories != NULL ? directories : "/bin:/usr/bin"), *directory;
    char *refused = NULL;
    while ((directory = strsep(&list, ":")) != NULL) {
        char *path =
            *directory != '\0' ? xasprintf("%s/%s", directory, name) : xasprintf("./%s", name);
        int error = error_of(path);
        if (error == 0)
            return path;
        if (error == EACCES && refused == NULL && access(path, F_OK) == 0)
            refused = path;
    }
    return refused;
}

static const char *hint_for(const char *path, int error)
{
    struct statvfs mount;
    if (error != EACCES)
        return "give the path of a program";
    if (statvfs(path, &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0)
        return "it lies on a mount with noexec (systemd: NoExecPaths=): move it, or ExecPaths=";
    return xasprintf("chmod +x %s, and the directories above it for this user", path);
}

static bool find(struct command *command)
{
    const char *name = command->argv[0];
    command->path = strchr(name, '/') != NULL ? xasprintf("%s", name) : look_up(name);
    if (*name == '\0' || command->path == NULL) {
        fail("command", xasprintf("\"%s\" is not found in PATH", name),
             "install it, or give its path");
        return false;
    }
    int error = error_of(command->path);
    if (error == ENOENT || error == ENOTDIR)
        fail("command", xasprintf("%s does not exist", command->path),
             "install it, or mend the path");
    else if (error != 0)
        fail("command", xasprintf("%s cannot be executed: %s", command->path, strerror(error)),
             hint_for(command->path, error));
    return error == 0;
}

/* ---- scripts ---- */

/* first, its one argument or NULL, the script, and the script's arguments. */
static char **with_interpreter(char *first, char *argument, const struct command *script)
{
    size_t count = 0, at = 0;
    while (script->argv[count] != NULL)
        count++;
    char **argv = calloc(count + 3, sizeof *argv);
    if (argv == NULL)
        abort();
    argv[at++] = first;
    if (argument != NULL)
        argv[at++] = argument;
    argv[at++] = script->path;
    if (count > 1)
        memcpy(argv + at, script->argv + 1, (count - 1) * sizeof *argv);
    return argv;
}

/* execve(2) knows no byte order mark: such a file is no script to it. */
static bool has_mark_before_script(const char *path)
{
    static const char mark[] = "\xef\xbb\xbf#!";
    char bytes[sizeof mark - 1];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool found = file >= 0 && read(file, bytes, sizeof bytes) == (ssize_t)sizeof bytes &&
                 memcmp(bytes, mark, sizeof bytes) == 0;
    if (file >= 0)
        close(file);
    return found;
}

/* The line behind "#!"; NULL: there is none. */
static char *first_line(const char *path)
{
    static char bytes[FIRST_LINE];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = file >= 0 ? read(file, bytes, sizeof bytes - 1) : -1;
    if (file >= 0)
        close(file);
    if (length < 2 || bytes[0] != '#' || bytes[1] != '!')
        return NULL;
    bytes[length] = '\0';
    return trimmed(xasprintf("%.*s", (int)strcspn(bytes + 2, "\n"), bytes + 2));
}

/* False: the interpreter cannot be run. */
static bool enter_script(struct command *command, char *line)
{
    char *interpreter = line, *argument = strpbrk(line, " \t");
    if (argument != NULL) {
        *argument++ = '\0';
        argument = trimmed(argument);
    }
    int error = error_of(interpreter);
    if (error != 0) {
        const char *hint = strchr(line, '\r') != NULL || (argument && strchr(argument, '\r'))
                               ? "its lines end with CR LF: convert it to LF alone"
                           : error == EACCES ? hint_for(interpreter, error)
                                             : "install that, or mend the first line";
        fail("script",
             xasprintf("%s: its interpreter \"%s\": %s", command->path, interpreter,
                       strerror(error)),
             hint);
        return false;
    }
    if (strchr(interpreter, '/') == NULL)
        interpreter = xasprintf("./%s", interpreter); /* no PATH here */
    ok("script", xasprintf("%s is run by %s", command->path, interpreter));
    command->argv = with_interpreter(interpreter, argument, command);
    command->is_interpreted = true;
    return true;
}

static void enter_shell(struct command *command)
{
    if (has_mark_before_script(command->path))
        warn(
            "script",
            xasprintf("%s has a byte order mark before #!: execve refuses it, and a shell takes it "
                      "for its own",
                      command->path),
            "take these three bytes away: sed -i '1s/^\\xef\\xbb\\xbf//' FILE");
    else
        warn("script",
             xasprintf("%s has no #! line: a shell takes it for its own, others refuse it",
                       command->path),
             "begin it with #! and its interpreter");
    command->argv = with_interpreter(xasprintf("/bin/sh"), NULL, command);
    command->is_interpreted = true;
}

/* ---- a program that may start another ---- */

/* Their words are scripts and data, or commands of a server. */
static bool takes_no_command(const char *name)
{
    static const char *const names[] = {"php",   "python", "pypy",   "perl", "ruby", "node",
                                        "sh",    "bash",   "dash",   "ash",  "zsh",  "ksh",
                                        "lua",   "tclsh",  "java",   "deno", "bun",  "beam",
                                        "redis", "valkey", "busybox"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (starts_with(name, names[i]))
            return true;
    return false;
}

/* A path of a program anywhere, or the first word that is no option if it is one's name in PATH. */
static const char *program_among(char *const argv[])
{
    bool is_first = true;
    for (char *const *at = argv + 1; *at != NULL; at++) {
        bool has_path = strchr(*at, '/') != NULL;
        if (**at == '-' || **at == '\0')
            continue;
        if (has_path && error_of(*at) == 0)
            return *at;
        if (!has_path && is_first && look_up(*at) != NULL)
            return *at;
        is_first = false;
    }
    return NULL;
}

static void judge_arguments(const struct command *command)
{
    const char *name = base_name(command->argv[0]), *program = program_among(command->argv);
    if (command->is_interpreted || takes_no_command(name) || program == NULL)
        return;
    warn(name,
         xasprintf("its argument %s is a program; whether it starts that is not known here",
                   program),
         xasprintf("check that command too: redisguard --check -- %s", program));
}

/* ---- the way ---- */

#define TAKE_IT_OFF                                                                                \
    "take that off the file: a service manager can give the privilege instead (systemd: User=, "   \
    "AmbientCapabilities=)"

enum step { STEP_ON, STEP_ARRIVED, STEP_FAILED };

static enum step step(struct command *command)
{
    char **started = NULL;
    if (!find(command))
        return STEP_FAILED;
    switch (launcher_follow(command->path, command->argv, &started)) {
    case LAUNCHES:
        command->argv = started;
        return STEP_ON;
    case LAUNCHES_UNGUARDED:
        return STEP_FAILED;
    case LAUNCHES_UNKNOWN:
        command->is_launcher = true;
        return STEP_ARRIVED;
    case LAUNCHES_NOTHING:
        judge_arguments(command);
        break;
    }
    if (!program_keeps_preload(command->path, TAKE_IT_OFF))
        return STEP_FAILED;
    char *line = first_line(command->path);
    if (line != NULL)
        return enter_script(command, line) ? STEP_ON : STEP_FAILED;
    /* What may not be read is left to program.c. */
    if (program_is_elf(command->path) || access(command->path, R_OK) != 0)
        return STEP_ARRIVED;
    enter_shell(command);
    return STEP_ON;
}

bool command_follow(struct command *command)
{
    for (int steps = 0; steps < STEPS_AT_MOST; steps++) {
        enum step next = step(command);
        if (next != STEP_ON)
            return next == STEP_ARRIVED;
    }
    fail("command", xasprintf("%s: one interpreter needs another without end", command->path),
         "mend their first lines");
    return false;
}
