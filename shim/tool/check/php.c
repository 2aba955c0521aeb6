/*
 * php.c: see php.h. Reads php-fpm's configuration files; runs nothing.
 */
#include "php.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/strings.h"
#include "report.h"

/* ---- one pool ---- */

struct pool {
    char *name; /* NULL: not in a pool */
    bool clears, preloads;
};

static struct pool pool_named(char *name)
{
    return (struct pool){.name = strcmp(name, "global") == 0 ? NULL : name, .clears = true};
}

static void judge_pool(const struct pool *pool)
{
    if (pool->name != NULL && pool->clears && !pool->preloads)
        warn("php-fpm",
             xasprintf("pool %s has clear_env on: its workers are guarded, what they start is not",
                       pool->name),
             "clear_env = no, or env[LD_PRELOAD] = the library, if that needs Redis");
}

static bool is_off(const char *value)
{
    return strcasecmp(value, "no") == 0 || strcasecmp(value, "off") == 0 ||
           strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

/* ---- configuration files: each may name more ---- */

enum { FILES_AT_MOST = 256 };

struct files {
    char *path[FILES_AT_MOST];
    int count;
};

/* The pattern is of files in one directory. */
static void include(struct files *files, const char *pattern)
{
    struct dirent **names = NULL;
    const char *name = base_name(pattern);
    char *directory =
        name > pattern ? xasprintf("%.*s", (int)(name - pattern), pattern) : xasprintf("./");
    int count = scandir(directory, &names, NULL, alphasort);
    for (int i = 0; i < count && files->count < FILES_AT_MOST; i++)
        if (fnmatch(name, names[i]->d_name, FNM_PERIOD) == 0)
            files->path[files->count++] = xasprintf("%s%s", directory, names[i]->d_name);
}

static void read_setting(const char *name, const char *value, struct pool *pool,
                         struct files *files)
{
    if (strcmp(name, "include") == 0)
        include(files, value);
    else if (strcmp(name, "clear_env") == 0)
        pool->clears = !is_off(value);
    else if (strcmp(name, "env[LD_PRELOAD]") == 0)
        pool->preloads = strstr(value, "libredisguard.so") != NULL;
}

static void read_line(char *line, struct pool *pool, struct files *files)
{
    char *value = strchr(line, '='), *end = strchr(line, ']');
    if (*line == '[' && end != NULL) {
        judge_pool(pool);
        *pool = pool_named(xasprintf("%.*s", (int)(end - line - 1), line + 1));
    } else if (*line != ';' && value != NULL) {
        *value++ = '\0';
        read_setting(trimmed(line), trimmed(value), pool, files);
    }
}

static void read_file(const char *path, struct files *files)
{
    struct pool pool = {.name = NULL};
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        warn("php-fpm", xasprintf("cannot read %s, where clear_env may be set", path),
             "check as a user who can, or give its path with -y");
        return;
    }
    while (getline(&line, &room, file) >= 0)
        read_line(line + strspn(line, " \t"), &pool, files);
    judge_pool(&pool);
    free(line);
    fclose(file);
}

/* Where Debian, Alpine, PHP's own images and others have it. */
static char *default_configuration(const char *version)
{
    char *const places[] = {
        xasprintf("/etc/php/%s/fpm/php-fpm.conf", version),
        xasprintf("/etc/php%s/php-fpm.conf", version),
        xasprintf("/usr/local/etc/php-fpm.conf"),
        xasprintf("/etc/php-fpm.conf"),
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], F_OK) == 0)
            return places[i];
    return places[0];
}

static char *configuration_of(const char *version, char *const argv[])
{
    static const char long_form[] = "--fpm-config";
    const size_t length = sizeof long_form - 1;
    for (int i = 1; argv[i] != NULL; i++) {
        bool is_alone = strcmp(argv[i], "-y") == 0 || strcmp(argv[i], long_form) == 0;
        if (is_alone && argv[i + 1] != NULL)
            return argv[i + 1];
        if (strncmp(argv[i], long_form, length) == 0 && argv[i][length] == '=')
            return argv[i] + length + 1;
        if (strncmp(argv[i], "-y", 2) == 0 && !is_alone)
            return argv[i] + 2;
    }
    return default_configuration(version);
}

static void explain_fpm(const char *version, char *const argv[])
{
    struct files files = {.path = {configuration_of(version, argv)}, .count = 1};
    for (int i = 0; i < files.count; i++)
        read_file(files.path[i], &files);
}

/* ---- all of PHP ---- */

void php_explain(const char *path, char *const argv[])
{
    const char *real = realpath(path, NULL); /* of Debian's alternative php-fpm: php-fpm8.2 */
    const char *name = base_name(real != NULL ? real : path);
    const char *deepbind = getenv("REDISGUARD_DEEPBIND");
    if (strncmp(name, "php", 3) != 0)
        return;
    if (deepbind == NULL || strcmp(deepbind, "keep") != 0)
        ok("php", "extensions that it loads with RTLD_DEEPBIND (before PHP 8.5) are led to the "
                  "guard; its log shows each: --log stderr --log-level debug");
    if (strncmp(name, "php-fpm", strlen("php-fpm")) == 0)
        explain_fpm(name + strlen("php-fpm"), argv);
}
