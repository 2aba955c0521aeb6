/*
 * print_env.c: see print_env.h. No value holds a newline: the library's parser takes no control
 * characters.
 */
#include "print_env.h"

#include <stdio.h>
#include <string.h>

#include "redisguard.h"

/* Nothing is special between single quotes, but their end. */
static void print_for_sh(const char *value)
{
    putchar('\'');
    for (; *value != '\0'; value++)
        fputs(*value == '\'' ? "'\\''" : (char[]){*value, '\0'}, stdout);
    putchar('\'');
}

/* systemd.exec(5): between double quotes a backslash goes before these four. */
static void print_for_systemd(const char *value)
{
    putchar('"');
    for (; *value != '\0'; value++) {
        if (strchr("\"\\`$", *value) != NULL)
            putchar('\\');
        putchar(*value);
    }
    putchar('"');
}

static void print_variable(enum env_style style, const char *prefix, const char *name,
                           const char *value)
{
    printf("%s%s%s=", style == ENV_SH ? "export " : "", prefix, name);
    if (style == ENV_SH)
        print_for_sh(value);
    else if (style == ENV_SYSTEMD)
        print_for_systemd(value);
    else
        fputs(value, stdout);
    putchar('\n');
}

void print_env(const struct options *options, const char *list)
{
    enum env_style style = options->env_style;
    print_variable(style, "", "LD_PRELOAD", list);
    for (size_t i = 0; i < options->setting_count; i++)
        print_variable(style, REDISGUARD_PREFIX, options->settings[i].variable,
                       options->settings[i].value);
}
