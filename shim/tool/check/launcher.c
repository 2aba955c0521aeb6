/*
 * launcher.c: see launcher.h. Knows launchers by name, and of their options those that take an
 * argument of their own. Writes to our own environment, as env(1) would to its.
 */
#include "launcher.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/strings.h"
#include "program.h"
#include "report.h"

struct launcher {
    const char *name;
    const char *with_argument; /* options whose argument is a word of its own */
    int operands;              /* words of its own before the command */
    const char *clears;        /* options that clear the environment; "": it always does */
    const char *keeps;         /* an option that makes it pass the environment on all the same */
    const char *instead;       /* it starts nothing itself: what to do */
};

#define IN_THE_UNIT                                                                                \
    "put what redisguard --env prints into the unit, as Environment= lines (PassEnvironment= "     \
    "passes the manager's variables, not this shell's)"
#define IN_THE_IMAGE "put redisguard into the image, before the command"
#define IN_THE_TABLE "put redisguard before the command in the table"

static const struct launcher launchers[] = {
    {.name = "nice", .with_argument = "-n --adjustment"},
    {.name = "ionice", .with_argument = "-c -n --class --classdata"},
    {.name = "nohup"},
    {.name = "setsid"},
    {.name = "timeout", .with_argument = "-k -s --kill-after --signal", .operands = 1},
    {.name = "stdbuf", .with_argument = "-i -o -e --input --output --error"},
    {.name = "chrt", .with_argument = "-T -P -D", .operands = 1},
    {.name = "taskset", .operands = 1},
    {.name = "chpst", .with_argument = "-u -U -b -e -/ -n -l -L -m -d -o -p -f -c -r -t -C"},
    {.name = "s6-setuidgid", .operands = 1},
    {.name = "gosu", .operands = 1},
    {.name = "su-exec", .operands = 1},
    {.name = "tini", .with_argument = "-p -e"},
    {.name = "dumb-init", .with_argument = "-r --rewrite"},
    {.name = "setpriv",
     .with_argument = "--reuid --regid --ruid --rgid --euid --egid --groups --inh-caps "
                      "--ambient-caps --bounding-set --securebits --pdeathsig",
     .clears = "--reset-env"},
    {.name = "runuser", .with_argument = "-u -g -G -w", .clears = "- -l --login"},
    {.name = "su", .with_argument = "-g -G -w", .clears = "- -l --login"},
    {.name = "sudo", .clears = ""},
    {.name = "doas", .clears = ""},
    {.name = "systemd-run",
     .with_argument = "-p -u --unit --property",
     .clears = "",
     .keeps = "--scope"},
    {.name = "systemctl", .instead = IN_THE_UNIT},
    {.name = "service", .instead = IN_THE_UNIT},
    {.name = "docker", .instead = IN_THE_IMAGE},
    {.name = "podman", .instead = IN_THE_IMAGE},
    {.name = "kubectl", .instead = IN_THE_IMAGE},
    {.name = "ssh", .instead = "put redisguard before the command on that machine"},
    {.name = "cron", .instead = IN_THE_TABLE},
    {.name = "crond", .instead = IN_THE_TABLE},
};

static const struct launcher *find(const char *name)
{
    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++)
        if (strcmp(launchers[i].name, name) == 0)
            return &launchers[i];
    return NULL;
}

static bool holds_guard(void)
{
    const char *list = getenv("LD_PRELOAD");
    return list != NULL && strstr(list, "libredisguard.so") != NULL;
}

static const char *put_behind(const char *name)
{
    return xasprintf("put redisguard behind it: %s ... redisguard -- COMMAND", name);
}

static enum launched loses_guard(const char *name, const char *found)
{
    fail(name, found, put_behind(name));
    return LAUNCHES_UNGUARDED;
}

static enum launched starts_what(const char *name)
{
    warn(name, "it passes the environment on, but what it starts is not known here",
         "check that command by itself");
    return LAUNCHES_UNKNOWN;
}

/* ---- env ---- */

/* The words of -S; its quotes and escapes are not read. */
static char **split(const char *string, char **rest)
{
    size_t count = 0, more = 0;
    while (rest[more] != NULL)
        more++;
    char **words = calloc(strlen(string) + more + 1, sizeof *words);
    char *left = xasprintf("%s", string);
    if (words == NULL)
        abort();
    for (char *word; (word = strsep(&left, " \t")) != NULL;)
        if (*word != '\0')
            words[count++] = word;
    memcpy(words + count, rest, more * sizeof *rest);
    return words;
}

/* The argument of an option, attached or the next word; NULL: another option. */
static char *argument_of(char ***at, const char *short_name, const char *long_name)
{
    char *word = **at;
    size_t length = strlen(long_name);
    if (strncmp(word, long_name, length) == 0 && word[length] == '=')
        return word + length + 1;
    if (strcmp(word, short_name) == 0 || strcmp(word, long_name) == 0)
        return (*at)[1] != NULL ? *++*at : NULL;
    return strncmp(word, short_name, 2) == 0 ? word + 2 : NULL;
}

static bool is_clearing(const char *word)
{
    return strcmp(word, "-") == 0 || strcmp(word, "-i") == 0 ||
           strcmp(word, "--ignore-environment") == 0;
}

/* env(1): options, then variables, then the command. */
static char **apply_env(char **argv)
{
    char **at = argv + 1;
    for (char *argument; *at != NULL && **at == '-'; at++) {
        if (is_clearing(*at)) {
            clearenv();
        } else if ((argument = argument_of(&at, "-u", "--unset")) != NULL) {
            unsetenv(argument);
        } else if ((argument = argument_of(&at, "-S", "--split-string")) != NULL) {
            at = split(argument, at + 1) - 1;
        } else if ((argument = argument_of(&at, "-C", "--chdir")) != NULL) {
            if (chdir(argument) != 0)
                break;
        } else if (strcmp(*at, "--") == 0) {
            at++;
            break;
        }
    }
    for (; *at != NULL && strchr(*at, '=') != NULL; at++)
        putenv(*at);
    return at;
}

static enum launched follow_env(char **argv, char ***started)
{
    bool had_path = getenv("PATH") != NULL;
    *started = apply_env(argv);
    if (**started == NULL)
        return LAUNCHES_NOTHING;
    if (!holds_guard())
        return loses_guard("env", "it leaves the guard out of LD_PRELOAD");
    if (had_path && getenv("PATH") == NULL)
        warn("env", "it takes PATH out of the environment", "name the command by its whole path");
    ok("env", xasprintf("it starts %s", **started));
    return LAUNCHES;
}

/* ---- the others ---- */

static bool has_option(char *const *argv, char *const *end, const char *options)
{
    for (char *const *at = argv + 1; at < end; at++)
        if (lists(options, *at))
            return true;
    return false;
}

/* Where its own words end. */
static char **command_of(const struct launcher *launcher, char **argv)
{
    char **at = argv + 1;
    for (; *at != NULL && **at == '-'; at++) {
        if (strcmp(*at, "--") == 0) {
            at++;
            break;
        }
        if (lists(launcher->with_argument, *at) && at[1] != NULL)
            at++;
    }
    for (int i = 0; i < launcher->operands && *at != NULL; i++)
        at++;
    return at;
}

/* su and runuser start the shell of a user, unless runuser is told that user with -u. */
static bool starts_a_shell(const char *name, char *const *argv, char *const *end)
{
    return strcmp(name, "su") == 0 ||
           (strcmp(name, "runuser") == 0 && !has_option(argv, end, "-u"));
}

enum launched launcher_follow(const char *path, char **argv, char ***started)
{
    const char *name = base_name(argv[0]);
    if (strcmp(name, "env") == 0)
        return follow_env(argv, started);
    const struct launcher *launcher = find(name);
    if (launcher == NULL)
        return LAUNCHES_NOTHING;
    if (launcher->instead != NULL) {
        fail(name, xasprintf("what %s starts does not get this environment", name),
             launcher->instead);
        return LAUNCHES_UNGUARDED;
    }
    *started = command_of(launcher, argv);
    bool keeps = has_option(argv, *started, launcher->keeps);
    if (launcher->clears != NULL && !keeps &&
        (*launcher->clears == '\0' || has_option(argv, *started, launcher->clears)))
        return loses_guard(name, "it clears the environment, LD_PRELOAD with it");
    if (!program_keeps_preload(path, put_behind(name)))
        return LAUNCHES_UNGUARDED;
    if (starts_a_shell(name, argv, *started) || **started == NULL)
        return starts_what(name);
    ok(name, xasprintf("it passes the environment on to %s", **started));
    return LAUNCHES;
}
