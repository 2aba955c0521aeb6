/*
 * environment.c: see environment.h. Allocates nothing: the caller has the room.
 */
#include "environment.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/strings.h"
#include "redisguard.h"

static const char preload[] = "LD_PRELOAD=";

/* The last one is the one that ld.so heeds. */
static const char *preload_list(void)
{
    const char *list = "";
    for (char **entry = environ; *entry != NULL; entry++)
        if (starts_with(*entry, preload))
            list = *entry + strlen(preload);
    return list;
}

struct environment_size environment_measure(const struct options *options, const char *library)
{
    struct environment_size size = {.entries = options->setting_count + 2, .bytes = 1};
    for (char **entry = environ; *entry != NULL; entry++)
        size.entries++;
    for (size_t i = 0; i < options->setting_count; i++)
        size.bytes += strlen(REDISGUARD_PREFIX "=") + strlen(options->settings[i].variable) +
                      strlen(options->settings[i].value) + 1;
    if (library != NULL)
        size.bytes += strlen(preload) + strlen(library) + 1 + strlen(preload_list()) + 1;
    return size;
}

bool preload_lists(const char *list, const char *library)
{
    size_t length = strlen(library);
    for (const char *at = list; *at != '\0'; at += *at != '\0') {
        size_t here = strcspn(at, ": ");
        if (here == length && memcmp(at, library, length) == 0)
            return true;
        at += here;
    }
    return false;
}

/* Puts entry, NAME=value, where NAME first stands, or at the end; only one NAME is left. */
static void put(char *entries[], char *entry)
{
    size_t name = strcspn(entry, "=") + 1;
    bool is_put = false;
    char **to = entries;
    for (char **from = entries; *from != NULL; from++) {
        bool is_same = strncmp(*from, entry, name) == 0;
        if (!is_same || !is_put)
            *to++ = is_same ? entry : *from;
        is_put = is_put || is_same;
    }
    if (!is_put)
        *to++ = entry;
    *to = NULL;
}

void environment_fill(char *entries[], char *bytes, const struct options *options,
                      const char *library)
{
    char **end = entries;
    for (char **entry = environ; *entry != NULL; entry++)
        *end++ = *entry;
    *end = NULL;
    if (library != NULL && !preload_lists(preload_list(), library)) {
        const char *list = preload_list();
        int length = sprintf(bytes, "%s%s%s%s", preload, library, *list != '\0' ? ":" : "", list);
        put(entries, bytes);
        bytes += length + 1;
    }
    for (size_t i = 0; i < options->setting_count; i++) {
        const struct setting *setting = &options->settings[i];
        int length = sprintf(bytes, REDISGUARD_PREFIX "%s=%s", setting->variable, setting->value);
        put(entries, bytes);
        bytes += length + 1;
    }
}
