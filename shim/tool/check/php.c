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

/* ---- pools: php-fpm merges sections of the same name, whichever files they stand in ---- */

enum { POOLS_AT_MOST = 256, FILES_AT_MOST = 256 };

struct pool {
    char *name;
    bool clears, preloads;
};

struct fpm {
    struct pool pools[POOLS_AT_MOST];
    int pool_count;
    char *files[FILES_AT_MOST];
    int file_count;
};

/* NULL: it is no pool, or there are too many. */
static struct pool *pool_named(struct fpm *fpm, char *name)
{
    for (int i = 0; i < fpm->pool_count; i++)
        if (strcmp(fpm->pools[i].name, name) == 0)
            return &fpm->pools[i];
    if (strcasecmp(name, "global") == 0 || fpm->pool_count == POOLS_AT_MOST)
        return NULL;
    fpm->pools[fpm->pool_count] = (struct pool){.name = name, .clears = true};
    return &fpm->pools[fpm->pool_count++];
}

static void judge_pool(const struct pool *pool)
{
    if (pool->clears && !pool->preloads)
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

/* The pattern is of files in one directory. */
static void include(struct fpm *fpm, const char *pattern)
{
    struct dirent **names = NULL;
    const char *name = base_name(pattern);
    char *directory =
        name > pattern ? xasprintf("%.*s", (int)(name - pattern), pattern) : xasprintf("./");
    int count = scandir(directory, &names, NULL, alphasort);
    for (int i = 0; i < count && fpm->file_count < FILES_AT_MOST; i++)
        if (fnmatch(name, names[i]->d_name, FNM_PERIOD) == 0)
            fpm->files[fpm->file_count++] = xasprintf("%s%s", directory, names[i]->d_name);
}

/* A quoted value is what its quotes hold. */
static char *unquoted(char *value)
{
    size_t length = strlen(value);
    bool is_quoted = length > 1 && (*value == '"' || *value == '\'') && value[length - 1] == *value;
    if (is_quoted)
        value[length - 1] = '\0';
    return is_quoted ? value + 1 : value;
}

static void read_setting(const char *name, const char *value, struct pool *pool, struct fpm *fpm)
{
    if (strcmp(name, "include") == 0)
        include(fpm, value);
    else if (pool == NULL)
        return;
    else if (strcmp(name, "clear_env") == 0)
        pool->clears = !is_off(value);
    else if (strcmp(name, "env[LD_PRELOAD]") == 0)
        pool->preloads = strstr(value, "libredisguard.so") != NULL;
}

static void read_line(char *line, struct pool **pool, struct fpm *fpm)
{
    char *value = strchr(line, '='), *end = strchr(line, ']');
    if (*line == '[' && end != NULL) {
        *pool = pool_named(fpm, xasprintf("%.*s", (int)(end - line - 1), line + 1));
    } else if (*line != ';' && value != NULL) {
        *value++ = '\0';
        read_setting(trimmed(line), unquoted(trimmed(value)), *pool, fpm);
    }
}

static void read_file(const char *path, struct fpm *fpm)
{
    struct pool *pool = NULL;
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        warn("php-fpm", xasprintf("cannot read %s, where clear_env may be set", path),
             "check as a user who can, or give its path with -y");
        return;
    }
    while (getline(&line, &room, file) >= 0)
        read_line(line + strspn(line, " \t"), &pool, fpm);
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
    static struct fpm fpm;
    fpm.files[fpm.file_count++] = configuration_of(version, argv);
    for (int i = 0; i < fpm.file_count; i++)
        read_file(fpm.files[i], &fpm);
    for (int i = 0; i < fpm.pool_count; i++)
        judge_pool(&fpm.pools[i]);
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
