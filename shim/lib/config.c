/*
 * config.c: environment -> one const struct; see config.h. Writes only to that struct and, for
 * mistakes, to stderr. One table says what every variable may be; the rest reads the table.
 */
#include "config.h"

#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "hot_bss.h"
#include "kernel.h"
#include "line.h"
#include "text.h"

#define TEXT_OF(value) #value
#define TEXT(value)    TEXT_OF(value)

enum { UNSET = -1, PORT_MAX = 65535 };

struct variable {
    const char *name;
    bool (*read)(const struct variable *variable, const char *value, struct config *into);
    size_t field;           /* its offset in struct config */
    int low, high;          /* of a number */
    const char *choices[5]; /* in the order of their enum */
    const char *fallback;   /* the default, as a user would write it; NULL: unset */
    const char *allowed;    /* how a complaint describes good values */
};

static void *field_of(const struct config *config, const struct variable *variable)
{
    return (char *)(uintptr_t)config + variable->field;
}

static int number_in(const struct config *config, const struct variable *variable)
{
    return *(const int *)field_of(config, variable);
}

static void set_number(struct config *config, const struct variable *variable, int number)
{
    *(int *)field_of(config, variable) = number;
}

/* Digits only, no sign, no space; returns what follows them, or NULL where the number is not low
 * to high. */
static const char *take_number(const char *text, int low, int high, int *number)
{
    int64_t sum = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        sum = sum * 10 + (*at - '0');
        if (sum > high)
            return NULL;
    }
    if (at == text || sum < low)
        return NULL;
    *number = (int)sum;
    return at;
}

static bool read_number(const struct variable *variable, const char *value, struct config *into)
{
    int number = 0;
    const char *rest = take_number(value, variable->low, variable->high, &number);
    if (rest == NULL || *rest != '\0')
        return false;
    set_number(into, variable, number);
    return true;
}

static bool read_choice(const struct variable *variable, const char *value, struct config *into)
{
    for (int i = 0; variable->choices[i] != NULL; i++)
        if (text_is(value, variable->choices[i])) {
            set_number(into, variable, i);
            return true;
        }
    return false;
}

/* 6379 or 7000-7005; returns what follows, or NULL. */
static const char *take_port_range(const char *text, int *first, int *last)
{
    const char *rest = take_number(text, 1, PORT_MAX, first);
    *last = *first;
    if (rest != NULL && *rest == '-')
        rest = take_number(rest + 1, *first, PORT_MAX, last);
    return rest;
}

static void add_ports(struct config *into, int entry, int first, int last)
{
    if (!into->has_long_list) {
        into->port_ranges[entry].first = (uint16_t)first;
        into->port_ranges[entry].last = (uint16_t)last;
        return;
    }
    for (int port = first; port <= last; port++)
        into->ports[port / 8] |= (uint8_t)(1U << (port % 8));
}

/* Adds the ports of a list; with NULL it only says how many entries the list has, 0 where it is
 * bad. */
static int take_ports(const char *list, struct config *into)
{
    int entries = 0;
    for (const char *at = list;; at++) {
        int first = 0;
        int last = 0;
        at = take_port_range(at, &first, &last);
        if (at == NULL || (*at != ',' && *at != '\0'))
            return 0;
        if (into != NULL)
            add_ports(into, entries, first, last);
        entries++;
        if (*at == '\0')
            return entries;
    }
}

/* Nothing is added until the whole list has been seen to be good. */
static bool read_ports(const struct variable *variable, const char *value, struct config *into)
{
    (void)variable;
    int entries = take_ports(value, NULL);
    into->has_long_list = entries > CONFIG_SHORT_LIST;
    return entries > 0 && take_ports(value, into) > 0;
}

/* What is printed and logged keeps to its line. */
static bool has_control_characters(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
            return true;
    return false;
}

static bool has_empty_glob(const char *list, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (list[i] == ':' && (i == 0 || list[i - 1] == ':' || i + 1 == length))
            return true;
    return false;
}

/* Copied, not pointed to: servers that set their process title write over their environment. The
 * default stays where it is. */
static bool read_globs(const struct variable *variable, const char *value, struct config *into)
{
    size_t length = text_length_within(value, REDISGUARD_UNIX_LENGTH + 1);
    if (length == 0 || length > REDISGUARD_UNIX_LENGTH || has_empty_glob(value, length) ||
        has_control_characters(value, length))
        return false;
    bool is_default = value == variable->fallback;
    into->unix_globs = is_default ? value : memcpy(into->given_unix_globs, value, length + 1);
    return true;
}

static bool read_log(const struct variable *variable, const char *value, struct config *into)
{
    (void)variable;
    size_t length = text_length_within(value, REDISGUARD_LOG_LENGTH + 1);
    if (length > REDISGUARD_LOG_LENGTH || (value[0] != '/' && !text_is(value, "stderr")) ||
        has_control_characters(value, length))
        return false;
    into->log = memcpy(into->given_log, value, length + 1);
    return true;
}

#define FIELD(name) offsetof(struct config, name)
#define SECONDS     "a whole number of seconds from "

#define NUMBER(name_, field_, low_, high_, fallback_, allowed_)                                    \
    {                                                                                              \
        .name = (name_), .read = read_number, .field = FIELD(field_), .low = (low_),               \
        .high = (high_), .fallback = (fallback_),                                                  \
        .allowed = allowed_ TEXT(low_) " to " TEXT(high_)                                          \
    }
#define CHOICE(name_, field_, fallback_, allowed_, ...)                                            \
    {                                                                                              \
        .name = (name_), .read = read_choice, .field = FIELD(field_), .choices = {__VA_ARGS__},    \
        .fallback = (fallback_), .allowed = (allowed_)                                             \
    }
#define OTHER(name_, read_, field_, fallback_, allowed_)                                           \
    {                                                                                              \
        .name = (name_), .read = (read_), .field = FIELD(field_), .fallback = (fallback_),         \
        .allowed = (allowed_)                                                                      \
    }
#define SWITCH(name_, field_, fallback_) CHOICE(name_, field_, fallback_, "0 or 1", "0", "1")

static const struct variable variables[] = {
    OTHER("PORTS", read_ports, ports, REDISGUARD_PORTS_DEFAULT,
          "ports from 1 to 65535 and ranges, such as 6379,7000-7005"),
    OTHER("UNIX", read_globs, unix_globs, REDISGUARD_UNIX_DEFAULT,
          "globs separated by ':', at most " TEXT(
              REDISGUARD_UNIX_LENGTH) " bytes without control characters"),
    NUMBER("KEEPIDLE", keepidle, 1, REDISGUARD_SECONDS_MAX, TEXT(REDISGUARD_KEEPIDLE_DEFAULT),
           SECONDS),
    NUMBER("KEEPINTVL", keepintvl, 1, REDISGUARD_SECONDS_MAX, TEXT(REDISGUARD_KEEPINTVL_DEFAULT),
           SECONDS),
    NUMBER("KEEPCNT", keepcnt, 1, REDISGUARD_KEEPCNT_MAX, TEXT(REDISGUARD_KEEPCNT_DEFAULT),
           "a whole number of probes from "),
    NUMBER("USER_TIMEOUT", user_timeout, 0, REDISGUARD_USER_TIMEOUT_MAX, NULL,
           "a whole number of milliseconds from "),
    NUMBER("DETECT", detect, REDISGUARD_DETECT_MIN, REDISGUARD_SECONDS_MAX, NULL, SECONDS),
    CHOICE("FORCE", force, "1", "0, 1 or tighten", "0", "1", "tighten"),
    SWITCH("RESET_HALF_OPEN", reset_half_open, "1"),
    CHOICE("FORK", fork, "sever", "sever, close or off", "sever", "close", "off"),
    SWITCH("CLOEXEC", cloexec, "1"),
    CHOICE("DEEPBIND", rebind, "rebind", "rebind or keep", "keep", "rebind"),
    OTHER("LOG", read_log, log, NULL,
          "stderr or an absolute path, at most " TEXT(
              REDISGUARD_LOG_LENGTH) " bytes without control characters"),
    CHOICE("LOG_LEVEL", log_level, "info", "error, warn, info or debug", "error", "warn", "info",
           "debug"),
    SWITCH("STRICT", strict, "0"),
    SWITCH("PROBE", probe, "0"),
    SWITCH("TRAP", trap, "0"),
    SWITCH("DISABLE", disable, "0"),
};

enum { VARIABLES = sizeof variables / sizeof variables[0] };

static const struct variable *find_variable(const char *name, size_t length)
{
    for (const struct variable *v = variables; v < variables + VARIABLES; v++)
        if (text_after(name, v->name) == name + length)
            return v;
    return NULL;
}

const char *config_allowed(const char *name)
{
    const struct variable *variable = find_variable(name, text_length(name));
    return variable != NULL ? variable->allowed : NULL;
}

/*
 * The value that took a bad one's place. A time may come from DETECT or from the other times, so it
 * is read from the finished struct.
 */
static void describe_fallback(struct line *line, const struct config *used,
                              const struct variable *variable)
{
    if (variable->read == read_number && variable->field != FIELD(detect))
        line_format(line, "%d", number_in(used, variable));
    else
        line_format(line, "%s", variable->fallback != NULL ? variable->fallback : "(unset)");
}

enum { SHOWN = 60 }; /* bytes of what somebody wrote by mistake */

static const char *warning_on(const struct config *config, int fd)
{
    return config_is_journal(config, fd) ? "<4>" : "";
}

static void complain_of_value(const struct config *used, const struct variable *variable,
                              const char *value, int complaints)
{
    struct line line = {.length = 0};
    line_format(&line,
                "%sredisguard: " REDISGUARD_PREFIX "%s=\"%.*s%s\" is not %s; using the default, ",
                warning_on(used, complaints), variable->name, SHOWN, value,
                text_length(value) > SHOWN ? "..." : "", variable->allowed);
    describe_fallback(&line, used, variable);
    line_write(&line, complaints);
}

static void complain_of_name(const struct config *used, const char *entry, size_t length,
                             int complaints)
{
    struct line line = {.length = 0};
    line_format(&line,
                "%sredisguard: unknown variable %.*s%s; known after " REDISGUARD_PREFIX " are",
                warning_on(used, complaints), length < SHOWN ? (int)length : SHOWN, entry,
                length > SHOWN ? "..." : "");
    for (const struct variable *v = variables; v < variables + VARIABLES; v++)
        line_format(&line, "%s%s", v == variables ? " " : ", ", v->name);
    line_write(&line, complaints);
}

/* What no one gave: from DETECT, or from the defaults and the other times. */
static void derive_times(struct config *into)
{
    int keepintvl = REDISGUARD_KEEPINTVL_DEFAULT;
    int keepcnt = REDISGUARD_KEEPCNT_DEFAULT;
    int keepidle = REDISGUARD_KEEPIDLE_DEFAULT;
    if (into->detect != UNSET) {
        keepintvl = into->detect > 4 ? (into->detect + 4) / 9 : 1; /* to the nearest */
        keepcnt = into->detect > 3 * keepintvl ? 3 : 2;
        keepidle = into->detect - keepintvl * keepcnt;
    }
    into->keepidle = into->keepidle == UNSET ? keepidle : into->keepidle;
    into->keepintvl = into->keepintvl == UNSET ? keepintvl : into->keepintvl;
    into->keepcnt = into->keepcnt == UNSET ? keepcnt : into->keepcnt;
    if (into->user_timeout == UNSET) {
        int64_t seconds = into->detect != UNSET
                              ? into->detect
                              : into->keepidle + (int64_t)into->keepintvl * into->keepcnt;
        int64_t milliseconds = seconds * 1000;
        into->user_timeout = milliseconds < REDISGUARD_USER_TIMEOUT_MAX
                                 ? (int)milliseconds
                                 : REDISGUARD_USER_TIMEOUT_MAX;
    }
}

static void set_default(struct config *into, const struct variable *variable)
{
    if (variable->read == read_number)
        set_number(into, variable, UNSET);
    else if (variable->fallback != NULL)
        variable->read(variable, variable->fallback, into);
}

/* "8:12345"; what is no such pair matches no descriptor. */
static void find_journal(struct config *into, char *const environment[])
{
    for (char *const *entry = environment; entry != NULL && *entry != NULL; entry++) {
        const char *value = text_after(*entry, "JOURNAL_STREAM=");
        if (value == NULL)
            continue;
        uint64_t *number = &into->journal.device;
        for (; *value != '\0'; value++)
            if (*value == ':')
                number = &into->journal.inode;
            else
                *number = *number * 10 + (uint64_t)(*value - '0');
        return;
    }
}

bool config_is_journal(const struct config *config, int fd)
{
    struct stat status = {0};
    return config->journal.inode != 0 && kernel_fstat(fd, &status) == 0 &&
           status.st_dev == config->journal.device && status.st_ino == config->journal.inode;
}

/* Writes to what has a value, and nothing else: untouched, the rest takes no memory. */
static void fill_zeroed(struct config *into, char *const environment[], int complaints)
{
    find_journal(into, environment);
    const char *bad[VARIABLES] = {NULL};
    bool seen[VARIABLES] = {false};
    for (char *const *entry = environment; entry != NULL && *entry != NULL; entry++) {
        const char *name = text_after(*entry, REDISGUARD_PREFIX);
        if (name == NULL)
            continue;
        size_t length = text_until(name, '=');
        const struct variable *variable = find_variable(name, length);
        if (variable == NULL) {
            complain_of_name(into, *entry, (size_t)(name - *entry) + length, complaints);
            into->mistakes++;
            continue;
        }
        size_t i = (size_t)(variable - variables);
        if (seen[i] || name[length] == '\0') /* as getenv(3): the first one counts */
            continue;
        seen[i] = true;
        if (!variable->read(variable, name + length + 1, into)) {
            bad[i] = name + length + 1;
            into->mistakes++;
        }
    }
    for (size_t i = 0; i < VARIABLES; i++)
        if (!seen[i] || bad[i] != NULL)
            set_default(into, &variables[i]);
    derive_times(into);
    for (size_t i = 0; i < VARIABLES; i++)
        if (bad[i] != NULL)
            complain_of_value(into, &variables[i], bad[i], complaints);
}

void config_read(struct config *into, char *const environment[], int complaints)
{
    memset(into, 0, sizeof *into);
    fill_zeroed(into, environment, complaints);
}

bool config_trusts_environment(void)
{
    return getauxval(AT_SECURE) == 0;
}

enum { UNREAD, READING, READ };

static HOT_BSS_LAST struct {
    atomic_int state;
    struct config values;
} read_once;

const struct config *config(void)
{
    static struct config nothing_yet; /* all zero: no ports, no globs, no log */
    if (__builtin_expect(atomic_load_explicit(&read_once.state, memory_order_acquire) == READ, 1))
        return &read_once.values;
    if (environ == NULL) /* in a program's preinit function libc has not set it yet */
        return &nothing_yet;
    int unread = UNREAD;
    if (!atomic_compare_exchange_strong(&read_once.state, &unread, READING))
        return unread == READ ? &read_once.values : &nothing_yet;
    fill_zeroed(&read_once.values, config_trusts_environment() ? environ : NULL, STDERR_FILENO);
    atomic_store_explicit(&read_once.state, READ, memory_order_release);
    return &read_once.values;
}

bool config_lists_port(const struct config *config, unsigned port)
{
    if (config->has_long_list)
        return port <= PORT_MAX && (config->ports[port / 8] >> (port % 8) & 1) != 0;
    for (int i = 0; i < CONFIG_SHORT_LIST && config->port_ranges[i].last != 0; i++)
        if (port >= config->port_ranges[i].first && port <= config->port_ranges[i].last)
            return true;
    return false;
}

/* A list may be longer than a line holds: it is written range by range. */
static void print_ports(const struct config *config, int fd)
{
    const char *separator = "";
    for (unsigned first = 1; first <= PORT_MAX; first++) {
        if (!config_lists_port(config, first))
            continue;
        unsigned last = first;
        while (config_lists_port(config, last + 1))
            last++;
        struct line line = {.length = 0};
        line_format(&line, "%s%u", separator, first);
        if (last > first)
            line_format(&line, "-%u", last);
        line_print(line.text, line.length, fd);
        separator = ",";
        first = last;
    }
}

static void print_text(const char *text, int fd)
{
    line_print(text, text_length(text), fd);
}

static bool is_unset(const struct config *config, const struct variable *variable)
{
    if (variable->read == read_number)
        return number_in(config, variable) == UNSET;
    return variable->read == read_log && config->log == NULL;
}

static void print_value(const struct config *config, const struct variable *variable, int fd)
{
    struct line line = {.length = 0};
    if (variable->read == read_ports)
        print_ports(config, fd);
    else if (variable->read == read_choice)
        print_text(variable->choices[number_in(config, variable)], fd);
    else if (variable->read != read_number)
        print_text(*(char *const *)field_of(config, variable), fd);
    else
        line_format(&line, "%d", number_in(config, variable));
    line_print(line.text, line.length, fd);
}

void config_print(const struct config *config, int fd)
{
    print_text("redisguard " REDISGUARD_VERSION "\n", fd);
    for (const struct variable *v = variables; v < variables + VARIABLES; v++) {
        if (is_unset(config, v))
            continue;
        print_text(REDISGUARD_PREFIX, fd);
        print_text(v->name, fd);
        print_text("=", fd);
        print_value(config, v, fd);
        print_text("\n", fd);
    }
}
