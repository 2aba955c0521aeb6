/*
 * Fuzz target of shim/lib/config.c: any environment. The input is an environment block as in
 * /proc/PID/environ, entries that end with NUL. Whatever it says, every value is one that
 * include/redisguard.h allows, each mistake is one whole printable line, and what config_print
 * prints reads back as the same configuration without a complaint. Touches two files in memory.
 */
#include "config.h"

#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "same_config.h"

enum { ENTRIES_AT_MOST = 256, LINE_AT_MOST = 1024 };

/* ---- text that was written ---- */

static int complaints;
static int printed;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    complaints = memfd_create("complaints", MFD_CLOEXEC);
    printed = memfd_create("printed", MFD_CLOEXEC);
    MUST(complaints >= 0 && printed >= 0);
    return 0;
}

static void empty(int file)
{
    MUST(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
}

static char *written_to(int file)
{
    off_t size = lseek(file, 0, SEEK_CUR);
    MUST(size >= 0);
    char *content = calloc(1, (size_t)size + 1);
    MUST(content != NULL && pread(file, content, (size_t)size, 0) == size);
    MUST(strlen(content) == (size_t)size);
    return content;
}

/* ---- environments ---- */

struct environment {
    char *block; /* entries, each with its NUL */
    size_t length;
    char *entries[ENTRIES_AT_MOST + 1];
};

static void make_environment(struct environment *environment, const void *block, size_t length)
{
    environment->block = string_of(block, length);
    environment->length = length;
    size_t count = 0;
    char *end = environment->block + length;
    for (char *at = environment->block; at < end && count < ENTRIES_AT_MOST; at += strlen(at) + 1)
        environment->entries[count++] = at;
    environment->entries[count] = NULL;
}

static void read_into(struct config *config, const struct environment *environment)
{
    char *before = copy_of(environment->block, environment->length);
    memset(config, 0xa5, sizeof *config); /* nothing may be left as it was */
    empty(complaints);
    config_read(config, environment->entries, complaints);
    MUST(memcmp(before, environment->block, environment->length) == 0);
    free(before);
}

/* ---- what must hold ---- */

static bool is_within(int value, int low, int high)
{
    return low <= value && value <= high;
}

static void expect_numbers_within_limits(const struct config *config)
{
    MUST(is_within(config->keepidle, 1, REDISGUARD_SECONDS_MAX));
    MUST(is_within(config->keepintvl, 1, REDISGUARD_SECONDS_MAX));
    MUST(is_within(config->keepcnt, 1, REDISGUARD_KEEPCNT_MAX));
    MUST(is_within(config->user_timeout, 0, REDISGUARD_USER_TIMEOUT_MAX));
    MUST(config->detect == -1 ||
         is_within(config->detect, REDISGUARD_DETECT_MIN, REDISGUARD_SECONDS_MAX));
}

static void expect_choices_within_limits(const struct config *config)
{
    MUST(is_within(config->fork, FORK_SEVER, FORK_OFF));
    MUST(is_within(config->log_level, LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG));
    const int switches[] = {config->force, config->cloexec, config->rebind, config->strict,
                            config->probe, config->trap,    config->disable};
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        MUST(is_within(switches[i], 0, 1));
}

static void expect_texts_within_limits(const struct config *config)
{
    size_t globs = strlen(config->unix_globs);
    MUST(is_within((int)globs, 1, REDISGUARD_UNIX_LENGTH));
    MUST(config->unix_globs[0] != ':' && config->unix_globs[globs - 1] != ':');
    MUST(strstr(config->unix_globs, "::") == NULL);
    const char *log = config->log;
    MUST(log == NULL || is_within((int)strlen(log), 1, REDISGUARD_LOG_LENGTH));
    MUST(log == NULL || log[0] == '/' || strcmp(log, "stderr") == 0);
}

static void expect_some_port_and_never_port_0(const struct config *config)
{
    unsigned port = 1;
    while (port <= 65535 && !config_lists_port(config, port))
        port++;
    MUST(port <= 65535);
    MUST(!config_lists_port(config, 0));
    MUST(!config_lists_port(config, 65536) && !config_lists_port(config, UINT_MAX));
}

static void expect_a_printable_line_for_each_mistake(const struct config *config)
{
    char *content = written_to(complaints);
    int lines = 0;
    for (char *at = content; *at != '\0'; lines++) {
        size_t length = strcspn(at, "\n");
        MUST(length < LINE_AT_MOST && at[length] == '\n');
        MUST(strncmp(at, "redisguard: ", strlen("redisguard: ")) == 0);
        for (size_t i = 0; i < length; i++)
            MUST((unsigned char)at[i] >= ' ' && at[i] != 0x7f);
        at += length + 1;
    }
    MUST(lines == config->mistakes);
    free(content);
}

/* ---- what is printed ---- */

/*
 * From NAME=value lines to an environment block; an empty value is one that is not set. False where
 * a value holds a newline: the lines are then the reader's to tell apart.
 */
static bool make_printed_environment(const struct config *config, struct environment *environment)
{
    if ((config->log != NULL && strchr(config->log, '\n') != NULL) ||
        strchr(config->unix_globs, '\n') != NULL)
        return false;
    empty(printed);
    config_print(config, printed);
    char *content = written_to(printed);
    char *line = strchr(content, '\n') + 1; /* the first one names the version */
    size_t length = 0;
    while (*line != '\0') {
        char *end = strchr(line, '\n');
        const char *equals = strchr(line, '=');
        MUST(end != NULL && equals != NULL && equals < end);
        if (equals + 1 < end) {
            memmove(content + length, line, (size_t)(end - line));
            length += (size_t)(end - line);
            content[length++] = '\0';
        }
        line = end + 1;
    }
    make_environment(environment, content, length);
    free(content);
    return true;
}

static void expect_the_same_when_printed_and_read(const struct config *config)
{
    struct environment environment;
    struct config again;
    if (!make_printed_environment(config, &environment))
        return;
    read_into(&again, &environment);
    MUST(again.mistakes == 0 && same_but_for_mistakes(&again, config));
    free(environment.block);
}

/* config.h: only entries that begin with the prefix are anybody's concern. */
static void expect_the_same_without_other_variables(const struct config *config,
                                                    const struct environment *environment)
{
    struct environment ours = *environment;
    struct config again;
    size_t count = 0;
    for (size_t i = 0; environment->entries[i] != NULL; i++)
        if (strstr(environment->entries[i], REDISGUARD_PREFIX) == environment->entries[i])
            ours.entries[count++] = environment->entries[i];
    ours.entries[count] = NULL;
    read_into(&again, &ours);
    MUST(again.mistakes == config->mistakes && same_but_for_mistakes(&again, config));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct environment environment;
    struct config config;
    make_environment(&environment, data, size);
    read_into(&config, &environment);
    expect_a_printable_line_for_each_mistake(&config);
    expect_numbers_within_limits(&config);
    expect_choices_within_limits(&config);
    expect_texts_within_limits(&config);
    expect_some_port_and_never_port_0(&config);
    expect_the_same_without_other_variables(&config, &environment);
    expect_the_same_when_printed_and_read(&config);
    free(environment.block);
    return 0;
}
