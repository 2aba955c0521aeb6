/*
 * errno_setsockopt DIRECTORY: setsockopt(2) with options of every level, values and lengths that
 * are right and wrong, on every kind of descriptor. Prints a line for each, with the option's value
 * afterwards. What a guarded connection says to its keepalive options is programs/bad_options.c's.
 */
#include "errno_tools.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/time.h>

static const struct {
    const char *name;
    int level, number;
} options[] = {
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
    {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR},
    {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF},
    {"SO_LINGER", SOL_SOCKET, SO_LINGER},
    {"SO_RCVTIMEO", SOL_SOCKET, SO_RCVTIMEO},
    {"SO_TYPE", SOL_SOCKET, SO_TYPE},
    {"SO_ERROR", SOL_SOCKET, SO_ERROR},
    {"SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE},
    {"SO_ATTACH_FILTER", SOL_SOCKET, SO_ATTACH_FILTER},
    {"SO_DETACH_FILTER", SOL_SOCKET, SO_DETACH_FILTER},
    {"SOL_SOCKET 9999", SOL_SOCKET, 9999},
    {"SOL_SOCKET -1", SOL_SOCKET, -1},
    {"IP_TTL", IPPROTO_IP, IP_TTL},
    {"IP_TOS", IPPROTO_IP, IP_TOS},
    {"IP_ADD_MEMBERSHIP", IPPROTO_IP, IP_ADD_MEMBERSHIP},
    {"IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY},
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT},
    {"TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION},
    {"TCP_REPAIR_QUEUE", IPPROTO_TCP, TCP_REPAIR_QUEUE},
    {"TCP 9999", IPPROTO_TCP, 9999},
    {"level 9999", 9999, TCP_KEEPIDLE},
    {"level -1", -1, -1},
};

enum { OPTIONS = sizeof options / sizeof options[0] };

static const int numbers[] = {0, 1, -1, 60, 127, 128, 32768, INT_MAX, INT_MIN};
static const socklen_t lengths[] = {0, 1, 2, 3, 4, 5, 8, 4096, INT_MAX, (socklen_t)-1};

enum { NUMBERS = sizeof numbers / sizeof numbers[0], LENGTHS = sizeof lengths / sizeof lengths[0] };

/* These the guard sets on its connections itself: connection tests look at them. */
static bool is_the_guards(enum kind kind, int option)
{
    return kind == CONNECTION &&
           (options[option].number == SO_KEEPALIVE || strstr(options[option].name, "TCP_KEEP") ||
            options[option].number == TCP_USER_TIMEOUT);
}

static const char *value_of(enum kind kind, int fd, int option)
{
    unsigned char value[32] = {0};
    socklen_t length = sizeof value;
    if (is_the_guards(kind, option))
        return "";
    int result = getsockopt(fd, options[option].level, options[option].number, value, &length);
    char *made = words("%d %u", result, length);
    for (socklen_t i = 0; result == 0 && i < length && i < sizeof value; i++)
        made = words("%s %02x", made, value[i]);
    return made;
}

static void try_set(enum kind kind, int option, const void *value, socklen_t length,
                    const char *what)
{
    int fd = make(kind);
    TRY(words("%s, %s, %s, length %d", kind_names[kind], options[option].name, what, (int)length),
        setsockopt(fd, options[option].level, options[option].number, value, length),
        value_of(kind, fd, option));
    discard(fd);
}

static void try_option(enum kind kind, int option, const void *pages)
{
    static const int buffer[1024] = {1, 1};
    for (int i = 0; i < NUMBERS; i++)
        try_set(kind, option, &numbers[i], sizeof numbers[i], words("%d", numbers[i]));
    for (int i = 0; i < LENGTHS; i++)
        try_set(kind, option, buffer, lengths[i], "1");
    try_set(kind, option, NULL, 0, "NULL");
    try_set(kind, option, NULL, 4, "NULL");
    try_set(kind, option, (const void *)1, 4, "pointer 1");   // NOLINT
    try_set(kind, option, (const void *)-1, 4, "pointer -1"); // NOLINT
    try_set(kind, option, pages, 4, "PROT_NONE");
    try_set(kind, option, (const char *)pages - 2, 4, "2 bytes before PROT_NONE");
    try_set(kind, option, (const char *)pages - 4, 4, "4 bytes before PROT_NONE");
}

/* The first byte that cannot be read, behind a page of zeros that can. */
static const void *end_of_memory(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + page, page, PROT_NONE);
    return pages + page;
}

/* ---- values that are wrong in a way of their own ---- */

static void try_special(enum kind kind)
{
    const struct timeval too_many_microseconds = {.tv_sec = 0, .tv_usec = 1000000};
    const struct timeval before_now = {.tv_sec = -1, .tv_usec = 0};
    const int large = 1 << 20;
    const char *name = kind_names[kind];
    int fd = make(kind);
    TRY(words("%s, SO_RCVTIMEO of 1000000 us", name),
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &too_many_microseconds, sizeof(struct timeval)),
        "");
    TRY(words("%s, SO_SNDTIMEO of -1 s", name),
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &before_now, sizeof before_now), "");
    TRY(words("%s, no such device", name),
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nosuch0", sizeof "nosuch0"), "");
    TRY(words("%s, no such congestion control", name),
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nosuch", sizeof "nosuch"), "");
    TRY(words("%s, SO_SNDBUFFORCE", name),
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large), "");
    TRY(words("%s, SO_MARK", name), setsockopt(fd, SOL_SOCKET, SO_MARK, &large, sizeof large), "");
    TRY(words("%s, IP_TRANSPARENT", name),
        setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &large, sizeof large), "");
    discard(fd);
}

static void try_all_special(void)
{
    for (int kind = 0; kind < KINDS; kind++)
        if (kind != PLAIN_FILE && kind != DIRECTORY && kind != PATH_ONLY && kind != UNIX_CONNECTION)
            try_special((enum kind)kind);
}

/* The files of its directory are another's by then. */
static void try_all_special_without_rights(void)
{
    become_nobody();
    printf("without rights\n");
    try_all_special();
}

int main(int argc, char *argv[])
{
    static const enum kind kinds[] = {CONNECTION, UNIX_CONNECTION, ACCEPTED, LISTENER,
                                      UDP_SOCKET, SOCKET_PAIR,     PIPE,     PLAIN_FILE,
                                      CLOSED,     MINUS_ONE,       LOWEST,   HIGHEST};
    if (argc != 2)
        return 2;
    directory = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    const void *pages = end_of_memory();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int option = 0; option < OPTIONS; option++)
            try_option(kinds[i], option, pages);
    try_all_special();
    apart(try_all_special_without_rights);
    return EXIT_SUCCESS;
}
