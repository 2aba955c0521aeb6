/*
 * env_words.c: see env_words.h.
 */
#include "env_words.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/strings.h"

/* ---- the words of -S ---- */

/* What a backslash and this letter stand for. */
static char unescaped(char letter)
{
    static const char letters[] = "_tnrvf", meant[] = " \t\n\r\v\f";
    const char *at = letter != '\0' ? strchr(letters, letter) : NULL;
    if (at != NULL)
        return meant[at - letters];
    return letter;
}

/* The next word of a string, its quotes and escapes taken away; NULL: no more. */
static char *take_word(const char **string)
{
    const char *at = *string + strspn(*string, " \t");
    if (*at == '\0' || *at == '#')
        return NULL;
    char *word = calloc(strlen(at) + 1, 1), *to = word, quote = '\0';
    if (word == NULL)
        abort();
    for (; *at != '\0' && (quote != '\0' || strchr(" \t", *at) == NULL); at++) {
        if (quote == '\0' && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (quote != '\0' && *at == quote)
            quote = '\0';
        else if (*at == '\\' && quote != '\'' && at[1] != '\0')
            *to++ = unescaped(*++at);
        else
            *to++ = *at;
    }
    *string = at;
    return word;
}

/* The words of the string, then the rest. */
static char **split(const char *string, char **rest)
{
    size_t count = 0, more = 0;
    while (rest[more] != NULL)
        more++;
    char **words = calloc(strlen(string) + more + 1, sizeof *words);
    if (words == NULL)
        abort();
    for (char *word; (word = take_word(&string)) != NULL;)
        words[count++] = word;
    memcpy(words + count, rest, more * sizeof *rest);
    return words;
}

/* ---- options ---- */

static char **apply(char option, char *argument, char **rest)
{
    if (option == 'u')
        unsetenv(argument);
    else if (option == 'C')
        (void)!chdir(argument);
    else if (option == 'S')
        return split(argument, rest);
    return rest;
}

/* -u and its like, one letter or several in a word. Returns what follows. */
static char **apply_letters(char **at)
{
    char **rest = at + 1;
    for (char *letter = *at + 1; *letter != '\0'; letter++) {
        if (*letter == 'i')
            clearenv();
        if (strchr("uCSa", *letter) == NULL)
            continue;
        if (letter[1] != '\0')
            return apply(*letter, letter + 1, rest);
        return *rest != NULL ? apply(*letter, *rest, rest + 1) : rest;
    }
    return rest;
}

static char **apply_long(char **at)
{
    static const struct {
        const char *name;
        char letter;
    } options[] = {{"--unset", 'u'}, {"--chdir", 'C'}, {"--split-string", 'S'}, {"--argv0", 'a'}};
    if (strcmp(*at, "--ignore-environment") == 0)
        clearenv();
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t length = strlen(options[i].name);
        if (!starts_with(*at, options[i].name))
            continue;
        if ((*at)[length] == '=')
            return apply(options[i].letter, *at + length + 1, at + 1);
        if ((*at)[length] == '\0' && at[1] != NULL)
            return apply(options[i].letter, at[1], at + 2);
    }
    return at + 1;
}

char **env_words_apply(char **argv)
{
    char **at = argv + 1;
    while (*at != NULL && **at == '-') {
        bool is_last = strcmp(*at, "--") == 0;
        if (strcmp(*at, "-") == 0) {
            clearenv();
            at++;
        } else {
            at = is_last ? at + 1 : starts_with(*at, "--") ? apply_long(at) : apply_letters(at);
        }
        if (is_last)
            break;
    }
    for (; *at != NULL && strchr(*at, '=') != NULL; at++)
        putenv(*at);
    return at;
}

/* ---- envdir ---- */

/* An empty file takes the variable away; of others the first line counts. */
static void read_variable(const char *directory, const char *name)
{
    FILE *file = fopen(xasprintf("%s/%s", directory, name), "re");
    char *line = NULL;
    size_t room = 0;
    if (file == NULL)
        return;
    if (getline(&line, &room, file) < 0)
        unsetenv(name);
    else
        setenv(name, trimmed(line), 1);
    fclose(file);
}

void env_directory_apply(const char *directory)
{
    DIR *names = opendir(directory);
    if (names == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(names)) != NULL;)
        if (entry->d_name[0] != '.' && strchr(entry->d_name, '=') == NULL)
            read_variable(directory, entry->d_name);
    closedir(names);
}
