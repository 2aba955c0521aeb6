/*
 * launcher.c: see launcher.h. Writes to our own environment, as the launcher would to its.
 */
#include "launcher.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/strings.h"
#include "env_words.h"
#include "launchers.h"
#include "library.h"
#include "program.h"
#include "report.h"

static const char *put_behind(const char *name)
{
    return xasprintf("put redisguard behind it: %s ... redisguard -- COMMAND", name);
}

/* The library that LD_PRELOAD names; NULL: none. */
static const char *preloaded_guard(void)
{
    const char *list = getenv("LD_PRELOAD");
    char *rest = xasprintf("%s", list != NULL ? list : "");
    for (char *word; (word = strsep(&rest, ": \t")) != NULL;)
        if (strstr(word, "libredisguard.so") != NULL)
            return word;
    return NULL;
}

static enum launched loses_guard(const char *name, const char *message)
{
    if (library_is_global()) {
        warn(name, xasprintf("%s; " GLOBAL_PRELOAD " loads the library all the same", message),
             "REDISGUARD_ variables do not pass either: set them behind it, or use the defaults");
        return LAUNCHES;
    }
    fail(name, message, put_behind(name));
    return LAUNCHES_UNGUARDED;
}

static enum launched starts_what(const char *name, const char *what)
{
    warn(name,
         xasprintf("it passes the environment on, but what it starts is not known here%s%s",
                   what != NULL ? ": " : "", what != NULL ? what : ""),
         "check that command by itself: redisguard --check -- COMMAND");
    return LAUNCHES_UNKNOWN;
}

/* ---- env ---- */

static enum launched follow_env(char **argv, char ***started)
{
    bool had_path = getenv("PATH") != NULL;
    *started = env_words_apply(argv);
    if (**started == NULL)
        return LAUNCHES_NOTHING;
    if (preloaded_guard() == NULL)
        return loses_guard("env", "it leaves the guard out of LD_PRELOAD");
    if (had_path && getenv("PATH") == NULL)
        warn("env", "it takes PATH out of the environment", "name the command by its whole path");
    ok("env", xasprintf("it starts %s", **started));
    return LAUNCHES;
}

/* ---- the words of the others ---- */

/* Does this word, an option or several letters of them, take the next word as its argument? */
static bool takes_next(const struct launcher *launcher, const char *word)
{
    if (lists(launcher->with_argument, word))
        return true;
    if (launcher->with_argument == NULL || word[1] == '-')
        return false;
    for (const char *letter = word + 1; *letter != '\0'; letter++)
        if (lists(launcher->with_argument, (char[]){'-', *letter, '\0'}))
            return letter[1] == '\0';
    return false;
}

static char **behind_options(const struct launcher *launcher, char **at)
{
    for (; *at != NULL && **at == '-'; at++) {
        if (strcmp(*at, "--") == 0)
            return at + 1;
        if (takes_next(launcher, *at) && at[1] != NULL)
            at++;
    }
    return at;
}

/* NULL: these words do not follow. */
static char **behind_words(const char *words, char **at)
{
    char *rest = xasprintf("%s", words);
    for (char *word; (word = strsep(&rest, " ")) != NULL; at++)
        if (*at == NULL || strcmp(*at, word) != 0)
            return NULL;
    return at;
}

/* Where its own words end; NULL: in this way it starts nothing. */
static char **command_of(const struct launcher *launcher, char **argv)
{
    char **at = behind_options(launcher, argv + 1);
    if (launcher->words != NULL && (at = behind_words(launcher->words, at)) == NULL)
        return NULL;
    for (int i = 0; i < launcher->operands && *at != NULL; i++)
        at++;
    if (launcher->operands > 0 && *at != NULL && strcmp(*at, "--") == 0)
        at++;
    return launcher->reads_on ? behind_options(launcher, at) : at;
}

/* One of these options, whole, with an argument behind = or at once, or NULL. */
static const char *given_option(char *const *argv, char *const *end, const char *options)
{
    for (char *const *at = argv + 1; at < end; at++)
        if (lists(options, xasprintf("%.*s", (int)strcspn(*at, "="), *at)))
            return *at;
    return NULL;
}

static bool has_option(char *const *argv, char *const *end, const char *options)
{
    return given_option(argv, end, options) != NULL;
}

/* su and runuser start the shell of a user, unless runuser is told that user with -u. */
static bool starts_a_shell(const char *name, char *const *argv, char *const *end)
{
    return strcmp(name, "su") == 0 ||
           (strcmp(name, "runuser") == 0 && !has_option(argv, end, "-u"));
}

/* ---- another root directory ---- */

/* root: NULL, not known. */
static enum launched enters(const char *name, const char *root)
{
    const char *library = preloaded_guard();
    if (root != NULL && strcmp(root, "/") == 0)
        return LAUNCHES;
    if (root != NULL && library != NULL && access(xasprintf("%s%s", root, library), R_OK) != 0) {
        fail(name, xasprintf("in its root directory %s there is no %s", root, library),
             xasprintf("install the library below %s at the same path", root));
        return LAUNCHES_UNGUARDED;
    }
    warn(name, "its command sees another root directory, which is not looked into here",
         xasprintf("check it from inside: %s ... redisguard --check -- COMMAND", name));
    return LAUNCHES_UNKNOWN;
}

static enum launched follow_into_root(const struct launcher *launcher, char **argv, char **started)
{
    if (*launcher->new_root == '\0')
        return enters(launcher->name, started > argv + 1 ? started[-1] : NULL);
    const char *option = given_option(argv, started, launcher->new_root);
    if (option == NULL)
        return LAUNCHES;
    const char *value = strchr(option, '=');
    for (char **at = argv; value == NULL && at + 1 < started; at++)
        if (*at == option && takes_next(launcher, option))
            value = at[1];
    return enters(launcher->name, value != NULL && *value == '=' ? value + 1 : value);
}

/* ---- start-stop-daemon: the program is an option's argument, its words stand behind -- ---- */

static char *value_of(char **argv, const char *letter, const char *name)
{
    size_t length = strlen(name);
    for (char **at = argv + 1; *at != NULL && strcmp(*at, "--") != 0; at++) {
        if ((strcmp(*at, letter) == 0 || strcmp(*at, name) == 0) && at[1] != NULL)
            return at[1];
        if (starts_with(*at, name) && (*at)[length] == '=')
            return *at + length + 1;
    }
    return NULL;
}

static enum launched follow_daemon(char **argv, char ***started)
{
    char **end = argv, *program = value_of(argv, "-a", "--startas");
    if (program == NULL)
        program = value_of(argv, "-x", "--exec");
    while (*end != NULL && strcmp(*end, "--") != 0)
        end++;
    if (program == NULL || !has_option(argv, end, "-S --start"))
        return LAUNCHES_NOTHING;
    char *root = value_of(argv, "-r", "--chroot");
    enum launched entered = root != NULL ? enters(argv[0], root) : LAUNCHES;
    if (entered != LAUNCHES)
        return entered;
    char **words =
        *end != NULL ? end : end - 1; /* there is room for the program in front of them */
    words[0] = program;
    *started = words;
    ok(argv[0], xasprintf("it passes the environment on to %s", program));
    return LAUNCHES;
}

/* ---- all of them ---- */

static const struct launcher *find(char **argv, char ***started)
{
    const struct launcher *launcher = NULL;
    while ((launcher = launchers_find(base_name(argv[0]), launcher)) != NULL)
        if ((*started = command_of(launcher, argv)) != NULL)
            break;
    return launcher;
}

/* busybox, when its first word is a launcher's name, is that launcher. */
static char **behind_busybox(char **argv)
{
    bool is_launcher = argv[1] != NULL &&
                       (strcmp(argv[1], "env") == 0 || strcmp(argv[1], "start-stop-daemon") == 0 ||
                        launchers_find(argv[1], NULL) != NULL);
    return strcmp(base_name(argv[0]), "busybox") == 0 && is_launcher ? argv + 1 : argv;
}

/* The operand of envdir, the argument of chpst's -e; NULL: none. */
static const char *directory_of_variables(const char *name, char **argv, char **started)
{
    if (strcmp(name, "envdir") == 0 || strcmp(name, "s6-envdir") == 0)
        return started > argv + 1 ? started[-1] : ".";
    for (char **at = argv + 1; strcmp(name, "chpst") == 0 && at + 1 < started; at++)
        if (strcmp(*at, "-e") == 0)
            return at[1];
    return NULL;
}

static enum launched follow(const struct launcher *launcher, const char *path, char **argv,
                            char **started)
{
    const char *name = launcher->name;
    bool keeps = has_option(argv, started, launcher->keeps);
    if (launcher->clears != NULL && !keeps &&
        (*launcher->clears == '\0' || has_option(argv, started, launcher->clears)))
        return loses_guard(name, "it clears the environment, LD_PRELOAD with it");
    if (!program_keeps_preload(path, put_behind(name)))
        return LAUNCHES_UNGUARDED;
    if (launcher->new_root != NULL) {
        enum launched entered = follow_into_root(launcher, argv, started);
        if (entered != LAUNCHES)
            return entered;
    }
    const char *directory = directory_of_variables(name, argv, started);
    if (directory != NULL) {
        env_directory_apply(directory);
        if (preloaded_guard() == NULL)
            return loses_guard(name, "its directory has an LD_PRELOAD without the guard");
    }
    if (*started == NULL || **started == '-' || starts_a_shell(name, argv, started))
        return starts_what(name, NULL);
    ok(name, xasprintf("it passes the environment on to %s", *started));
    return LAUNCHES;
}

enum launched launcher_follow(const char *path, char **argv, char ***started)
{
    argv = behind_busybox(argv);
    const char *name = base_name(argv[0]);
    if (strcmp(name, "env") == 0)
        return follow_env(argv, started);
    if (strcmp(name, "start-stop-daemon") == 0)
        return follow_daemon(argv, started);
    const struct launcher *launcher = find(argv, started);
    if (launcher == NULL)
        return LAUNCHES_NOTHING;
    if (launcher->instead != NULL) {
        fail(name, xasprintf("what %s starts does not get this environment", name),
             launcher->instead);
        return LAUNCHES_UNGUARDED;
    }
    if (launcher->starts != NULL) {
        starts_what(name, launcher->starts);
        return LAUNCHES_NOTHING;
    }
    return follow(launcher, path, argv, *started);
}
