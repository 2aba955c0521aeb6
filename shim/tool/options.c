/*
 * options.c: see options.h. One table names each option, its variable and its place in --help.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "common/complain.h"
#include "common/strings.h"
#include "config.h"
#include "line.h"
#include "redisguard.h"

static const char usage[] =
    "Usage: redisguard [OPTION]... [--] COMMAND [ARG]...\n"
    "       redisguard [OPTION]... --check [--] COMMAND [ARG]...\n"
    "       redisguard [OPTION]... --audit [PID]...\n"
    "       redisguard [OPTION]... --env[=STYLE]\n"
    "Run COMMAND so that it notices a dead Redis peer and never shares a Redis\n"
    "connection with its forked children.\n"
    "\n"
    "Which connections:\n"
    "  -p, --ports LIST         ports of Redis, as 6379,7000-7005\n"
    "      --unix GLOBS         paths of Unix sockets, as /run/redis/*:/tmp/r.sock\n"
    "\n"
    "When a dead peer is noticed:\n"
    "  -d, --detect SECONDS     within this time: sets the next four\n"
    "      --keepidle S         silence before the first keepalive probe\n"
    "      --keepintvl S        time between probes\n"
    "      --keepcnt N          number of probes\n"
    "      --user-timeout MS    longest time for sent data to stay unacknowledged\n"
    "\n"
    "What forked children get, and what is logged:\n"
    "      --fork MODE          a child's inherited connections: sever, close or off\n"
    "      --log PATH|stderr    where log lines go\n"
    "      --log-level LEVEL    error, warn, info or debug\n"
    "      --trap               refuse connections made before a fork, to find them\n"
    "\n"
    "Instead of running COMMAND:\n"
    "      --check              say whether the guard works in COMMAND; if not, why\n"
    "      --audit              list the connections to Redis on this machine\n"
    "      --env[=STYLE]        print the variables that would be set, for a file of\n"
    "                           systemd (EnvironmentFile=), docker (--env-file) or sh\n"
    "      --format FORMAT      of --check and --audit: table or json\n"
    "      --json               the same as --format json\n"
    "      --watch SECONDS      of --audit: again and again, until SIGINT or SIGTERM\n"
    "  -h, --help               print this\n"
    "  -V, --version            print the version\n"
    "\n"
    "Exit status: 125 when redisguard itself fails, 126 when COMMAND cannot be run,\n"
    "127 when it is not found, else that of COMMAND. --check: 0 the guard works, 1 it\n"
    "does not. --audit: 0 all is well, 1 a connection is shared or a dead peer would\n"
    "go unnoticed for more than an hour. Defaults: redisguard(1).\n";

/* What has no short form gets a number that no character has. */
enum {
    UNIX = 256,
    KEEPIDLE,
    KEEPINTVL,
    KEEPCNT,
    USER_TIMEOUT,
    FORK,
    LOG,
    LOG_LEVEL,
    TRAP,
    ENV,
    CHECK,
    AUDIT,
    FORMAT,
    JSON,
    WATCH
};

static const struct option long_options[] = {
    {"ports", required_argument, NULL, 'p'},
    {"unix", required_argument, NULL, UNIX},
    {"detect", required_argument, NULL, 'd'},
    {"keepidle", required_argument, NULL, KEEPIDLE},
    {"keepintvl", required_argument, NULL, KEEPINTVL},
    {"keepcnt", required_argument, NULL, KEEPCNT},
    {"user-timeout", required_argument, NULL, USER_TIMEOUT},
    {"fork", required_argument, NULL, FORK},
    {"log", required_argument, NULL, LOG},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"trap", no_argument, NULL, TRAP},
    {"env", optional_argument, NULL, ENV},
    {"check", no_argument, NULL, CHECK},
    {"audit", no_argument, NULL, AUDIT},
    {"format", required_argument, NULL, FORMAT},
    {"json", no_argument, NULL, JSON},
    {"watch", required_argument, NULL, WATCH},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const char *variable_of(int option)
{
    switch (option) {
    case 'p':
        return "PORTS";
    case 'd':
        return "DETECT";
    case UNIX:
        return "UNIX";
    case KEEPIDLE:
        return "KEEPIDLE";
    case KEEPINTVL:
        return "KEEPINTVL";
    case KEEPCNT:
        return "KEEPCNT";
    case USER_TIMEOUT:
        return "USER_TIMEOUT";
    case FORK:
        return "FORK";
    case LOG:
        return "LOG";
    case LOG_LEVEL:
        return "LOG_LEVEL";
    case TRAP:
        return "TRAP";
    default:
        return NULL;
    }
}

/* ---- mistakes: one line of at most 100 columns ---- */

enum { COLUMNS = 100 };

/* What somebody typed, such that it keeps to its line. */
static struct line show(const char *word)
{
    struct line shown = {.length = 0};
    line_format(&shown, "%.40s%s", word, strlen(word) > 40 ? "..." : "");
    shown.text[shown.length] = '\0';
    return shown;
}

#define misused(format, ...) give_up(format " (try redisguard --help)", __VA_ARGS__)

static const char *name_of(int option)
{
    for (const struct option *o = long_options; o->name != NULL; o++)
        if (o->val == option)
            return o->name;
    return "";
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* How many letters must change, appear or vanish, or neighbours change places. */
static size_t distance(const char *one, const char *other)
{
    enum { LONGEST = 16 };
    size_t table[LONGEST + 1][LONGEST + 1], m = strlen(one), n = strlen(other);
    if (m > LONGEST || n > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= m; i++)
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            size_t change = one[i - 1] != other[j - 1];
            table[i][j] =
                least(table[i - 1][j - 1] + change, least(table[i - 1][j], table[i][j - 1]) + 1);
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                table[i][j] = least(table[i][j], table[i - 2][j - 2] + 1);
        }
    return table[m][n];
}

/* NULL: nothing is close. */
static const char *closest(const char *name)
{
    const char *best = NULL;
    if (*name != '\0') /* --keep may mean three */
        for (const struct option *o = long_options; o->name != NULL; o++)
            if (starts_with(o->name, name))
                return o->name;
    size_t best_distance = strlen(name) < 5 ? 2 : 3; /* too far */
    for (const struct option *o = long_options; o->name != NULL; o++)
        if (distance(name, o->name) < best_distance) {
            best = o->name;
            best_distance = distance(name, o->name);
        }
    return best;
}

static _Noreturn void refuse_unknown(const char *word)
{
    char name[64] = "";
    if (starts_with(word, "--"))
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *meant = closest(name);
    if (meant != NULL)
        misused("unknown option --%s: did you mean --%s?", show(name).text, meant);
    misused("unknown option %s", show(word).text);
}

static bool is_long(int option)
{
    return option >= UNIX || option == 'p' || option == 'd' || option == 'h' || option == 'V';
}

/* getopt found nothing. For a long option that it knows, the argument is too much. */
static _Noreturn void refuse(char *argv[])
{
    if (optopt != 0 && is_long(optopt) && starts_with(argv[optind - 1], "--"))
        misused("--%s takes no argument", name_of(optopt));
    if (optopt != 0)
        misused("unknown option -%c", optopt > ' ' && optopt < 0x7f ? optopt : '?');
    refuse_unknown(argv[optind - 1]);
}

static const char *allowed_for(int option)
{
    if (variable_of(option) != NULL)
        return config_allowed(variable_of(option));
    if (option == ENV)
        return "systemd, docker, sh or plain";
    return option == FORMAT ? "table or json" : "a whole number of seconds from 1 to 4194304";
}

static _Noreturn void refuse_value(int option, const char *value)
{
    const char *name = name_of(option), *allowed = allowed_for(option);
    struct line shown = show(value);
    size_t length = strlen("redisguard: -- takes , not ") + strlen(name) + strlen(allowed);
    if (length + strlen(shown.text) <= COLUMNS && *value != '\0')
        give_up("--%s takes %s, not %s", name, allowed, shown.text);
    give_up("--%s takes %s", name, allowed);
}

/* ---- values ---- */

/* The library's own parser judges. */
static bool is_good(const char *variable, const char *value)
{
    char entry[strlen(REDISGUARD_PREFIX "=") + strlen(variable) + strlen(value) + 1];
    char *environment[] = {entry, NULL};
    struct config config;
    sprintf(entry, REDISGUARD_PREFIX "%s=%s", variable, value);
    config_read(&config, environment, -1);
    return config.mistakes == 0;
}

static void set(struct options *options, const char *variable, const char *value)
{
    size_t i = 0;
    while (i < options->setting_count && strcmp(options->settings[i].variable, variable) != 0)
        i++;
    options->settings[i] = (struct setting){variable, value};
    if (i == options->setting_count)
        options->setting_count++;
}

static int number(int option, const char *text, int most)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < 1 || value > most)
        refuse_value(option, text);
    return (int)value;
}

static void set_mode(struct options *options, enum mode mode)
{
    static const char *const names[] = {"", "--env", "--check", "--audit"};
    if (options->mode != MODE_RUN && options->mode != mode)
        misused("%s and %s: one of them", names[options->mode], names[mode]);
    options->mode = mode;
}

static _Noreturn void print_and_leave(const char *text)
{
    fputs(text, stdout);
    exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILED);
}

static void take_format(struct options *options, const char *format)
{
    options->json = strcmp(format, "json") == 0;
    if (!options->json && strcmp(format, "table") != 0)
        refuse_value(FORMAT, format);
}

static void take_style(struct options *options, const char *style)
{
    static const char *const names[] = {"plain", "systemd", "docker", "sh"};
    size_t i = 0;
    while (style != NULL && i < sizeof names / sizeof names[0] && strcmp(style, names[i]) != 0)
        i++;
    if (i == sizeof names / sizeof names[0])
        refuse_value(ENV, style);
    options->env_style = (enum env_style)i;
}

static void take(struct options *options, int option, const char *argument)
{
    const char *variable = variable_of(option);
    if (variable != NULL) {
        const char *value = argument != NULL ? argument : "1";
        if (!is_good(variable, value))
            refuse_value(option, value);
        set(options, variable, value);
        return;
    }
    switch (option) {
    case ENV:
        set_mode(options, MODE_ENV);
        take_style(options, argument);
        break;
    case CHECK:
        set_mode(options, MODE_CHECK);
        break;
    case AUDIT:
        set_mode(options, MODE_AUDIT);
        break;
    case FORMAT:
        take_format(options, argument);
        break;
    case JSON:
        options->json = true;
        break;
    case WATCH:
        options->watch = number(WATCH, argument, 1 << 22);
        break;
    case 'h':
        print_and_leave(usage);
    case 'V':
        print_and_leave("redisguard " REDISGUARD_VERSION "\n");
    default:
        break;
    }
}

/* ---- all of them ---- */

/* What does not go together. format: was one given at all? */
static void judge(const struct options *options, bool format)
{
    char *first = options->operands[0];
    if (format && options->mode != MODE_CHECK && options->mode != MODE_AUDIT)
        misused("%s: only with --check or --audit", options->json ? "--json" : "--format");
    if (options->watch != 0 && options->mode != MODE_AUDIT)
        misused("%s: only with --audit", "--watch");
    if (options->mode == MODE_ENV && first != NULL)
        give_up("--env runs nothing: leave out %s", show(first).text);
    if ((options->mode == MODE_RUN || options->mode == MODE_CHECK) && first == NULL)
        misused("%swhich COMMAND?", options->mode == MODE_CHECK ? "--check: " : "");
    for (char **pid = options->operands; options->mode == MODE_AUDIT && *pid != NULL; pid++)
        if (strspn(*pid, "0123456789") != strlen(*pid) || atoi(*pid) < 1 || strlen(*pid) > 9)
            misused("%s: not a process id", show(*pid).text);
}

/* Puts the word at `from` in front of the words from `to` on. */
static void move_word(char *argv[], int from, int to)
{
    char *word = argv[from];
    for (; from > to; from--)
        argv[from] = argv[from - 1];
    argv[to] = word;
}

/* getopt stops at the first word that is no option: there a command begins, but with --audit it is
 * a pid, and more options may follow. */
struct options options_read(int argc, char *argv[])
{
    struct options options = {.mode = MODE_RUN};
    bool format = false;
    int pids = 0;
    if (argc == 0) /* before Linux 5.18 a caller could do that: argv[1] is then the environment */
        give_up("no name and no COMMAND");
    opterr = 0;
    for (;;) {
        int option = getopt_long(argc, argv, "+:p:d:hV", long_options, NULL);
        if (option == ':')
            refuse_value(optopt, "");
        if (option == '?')
            refuse(argv);
        if (option == -1 && options.mode == MODE_AUDIT && optind < argc &&
            strcmp(argv[optind - 1], "--") != 0) {
            move_word(argv, optind++, 1 + pids++);
            continue;
        }
        if (option == -1)
            break;
        format = format || option == FORMAT || option == JSON;
        take(&options, option, optarg);
    }
    /* The pids so far stand first; then what stands behind "--". */
    while (pids > 0 && optind < argc)
        move_word(argv, optind++, 1 + pids++);
    if (pids > 0)
        argv[1 + pids] = NULL;
    options.operands = pids > 0 ? argv + 1 : argv + optind;
    judge(&options, format);
    return options;
}
