/*
 * unit.c: what the unit tests share; see unit.h. Touches this process, the loopback and /tmp.
 */
#include "unit.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "redisguard.h"

enum { COUNTED_DESCRIPTORS = 4096 };

static int wrong_things = -1; /* in a child: where its mistakes are written */
static int reports = -1;      /* in whoever started it: where they are read */

void report_wrong(const char *file, int line, const char *condition)
{
    dprintf(wrong_things, "%s:%d: %s\n", file, line, condition);
}

static void give_up(int line, const char *condition)
{
    if (wrong_things < 0)
        cr_assert_fail("%s:%d: %s", __FILE__, line, condition);
    report_wrong(__FILE__, line, condition);
    _exit(1);
}

#define MUST(condition) ((condition) ? (void)0 : give_up(__LINE__, #condition))

static void forget_settings(void)
{
    for (char **entry = environ; *entry != NULL;) {
        if (strncmp(*entry, REDISGUARD_PREFIX, strlen(REDISGUARD_PREFIX)) != 0) {
            entry++;
            continue;
        }
        unsetenv(text("%.*s", (int)strcspn(*entry, "="), *entry));
        entry = environ;
    }
}

char *repeated(const char *part, size_t length)
{
    char *made = calloc(length + 1, 1);
    for (size_t i = 0; i < length; i++)
        made[i] = part[i % strlen(part)];
    return made;
}

void configure(const char *const settings[])
{
    forget_settings();
    for (; *settings != NULL; settings++)
        MUST(putenv(text(REDISGUARD_PREFIX "%s", *settings)) == 0);
}

struct reading *read_entries(const char *const entries[])
{
    struct reading *reading = malloc(sizeof *reading);
    int capture = open_capture();
    config_read(&reading->config, (char *const *)entries, capture);
    reading->complaints = captured(capture);
    close(capture);
    return reading;
}

struct reading *read_settings(const char *const settings[])
{
    const char *entries[32] = {NULL};
    for (size_t i = 0; settings[i] != NULL; i++)
        entries[i] = text(REDISGUARD_PREFIX "%s", settings[i]);
    return read_entries(entries);
}

struct reading *read_setting(const char *name, const char *value)
{
    return read_settings(WORDS(text("%s=%s", name, value)));
}

int open_capture(void)
{
    int capture = memfd_create("capture", MFD_CLOEXEC);
    MUST(capture >= 0);
    MUST(fcntl(capture, F_SETFL, O_APPEND) == 0);
    return capture;
}

char *captured(int capture)
{
    struct stat status;
    MUST(fstat(capture, &status) == 0);
    size_t length = (size_t)status.st_size;
    char *all = calloc(length + 1, 1);
    MUST(pread(capture, all, length, 0) == (ssize_t)length);
    return all;
}

int capture_stderr(void)
{
    int capture = open_capture();
    MUST(dup2(capture, STDERR_FILENO) == STDERR_FILENO);
    return capture;
}

int start_log(const char *where)
{
    int capture = capture_stderr();
    configure(WORDS(text("LOG=%s", where)));
    log_start();
    return capture;
}

void log_line(const char *words)
{
    log_write(LOG_LEVEL_INFO, "%s", words);
}

bool log_says(const char *lines, const char *words)
{
    return strstr(lines, text("] info: %s\n", words)) != NULL;
}

static socklen_t loopback_address(int family, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    address->ss_family = (sa_family_t)family;
    if (family == AF_INET6) {
        ((struct sockaddr_in6 *)address)->sin6_addr = in6addr_loopback;
        return sizeof(struct sockaddr_in6);
    }
    ((struct sockaddr_in *)address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof(struct sockaddr_in);
}

struct connection connect_on_loopback(int family)
{
    struct connection made;
    struct sockaddr_storage address;
    socklen_t length = loopback_address(family, &address);
    int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0)
        cr_skip_test("this machine has no loopback address of family %d", family);
    MUST(listen(listener, 1) == 0);
    MUST(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    made.client = socket(family, SOCK_STREAM, 0);
    MUST(made.client >= 0);
    MUST(connect(made.client, (struct sockaddr *)&address, length) == 0);
    made.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    MUST(made.server >= 0);
    close(listener);
    return made;
}

bool carries(int from, int to, const char *word)
{
    char got[64];
    ssize_t length = (ssize_t)strlen(word);
    return send(from, word, (size_t)length, MSG_NOSIGNAL) == length &&
           recv(to, got, sizeof got, 0) == length && memcmp(got, word, (size_t)length) == 0;
}

struct endpoint endpoint_numbered(unsigned number)
{
    struct endpoint endpoint = {
        .family = number % 2 == 0 ? AF_INET6 : AF_INET,
        .port = (uint16_t)(number * 257),
        .address = {0},
    };
    memset(endpoint.address, (int)(number % 256), sizeof endpoint.address);
    return endpoint;
}

bool same_endpoint(const struct endpoint *one, const struct endpoint *other)
{
    return memcmp(one, other, sizeof *one) == 0; /* it has no padding */
}

pid_t start_child(void (*body)(void *argument), void *argument)
{
    reports = open_capture();
    pid_t parent = getpid();
    pid_t child = fork();
    MUST(child >= 0);
    if (child > 0)
        return child;
    wrong_things = reports; /* before anything can go wrong in here */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    body(argument);
    _exit(0);
}

void finish_child(pid_t child)
{
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    char *wrong = captured(reports);
    close(reports);
    if (WIFSIGNALED(status))
        wrong = text("%sended by signal %d\n", wrong, WTERMSIG(status));
    if (wrong_things >= 0)
        dprintf(wrong_things, "%s", wrong);
    else
        cr_assert_str_empty(wrong, "in a child:\n%s", wrong);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void in_child(void (*body)(void *argument), void *argument)
{
    finish_child(start_child(body, argument));
}

bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < COUNTED_DESCRIPTORS; fd++)
        count += is_open(fd) ? 1 : 0;
    return count;
}

void limit_descriptors(int soft, int hard)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)soft, .rlim_max = (rlim_t)hard};
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

void allow_descriptors(int count)
{
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < (rlim_t)count)
        cr_skip_test("this process may not have %d descriptors", count);
    limit.rlim_cur = limit.rlim_max;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

void take_every_descriptor(void)
{
    while (dup(reports) >= 0)
        ;
}

static void install(struct sock_filter *program, size_t length)
{
    struct sock_fprog filter = {.len = (unsigned short)length, .filter = program};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

#define LOAD(field)               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, (count))
#define REFUSE(error)                                                                              \
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)(error)&SECCOMP_RET_DATA))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

void refuse_call(int call, int error)
{
    struct sock_filter program[] = {LOAD(nr), SKIP_UNLESS(call, 1), REFUSE(error), ALLOW};
    install(program, COUNT(program));
}

void refuse_option(int call, int level, int name, int error)
{
    struct sock_filter program[] = {
        LOAD(nr),      SKIP_UNLESS(call, 5), LOAD(args[1]), SKIP_UNLESS(level, 3),
        LOAD(args[2]), SKIP_UNLESS(name, 1), REFUSE(error), ALLOW,
    };
    install(program, COUNT(program));
}
