/*
 * Calls setsockopt(2) for the keepalive options of a connection, with every kind of argument that
 * is wrong and some that are right, and prints what came back. Run by setsockopt_override.c, bare
 * and under the preload: the two must not differ.
 *
 *     bad_options PORT
 *
 * PORT is a listening one of 127.0.0.1, to be a guarded one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UNTOUCHED = 1234 };

static const struct {
    const char *name;
    int level, number;
} options[] = {
    {"KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
    {"KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
    {"KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
    {"KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
    {"USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
    {"NODELAY", IPPROTO_TCP, TCP_NODELAY},
    {"SOL_SOCKET 4", SOL_SOCKET, TCP_KEEPIDLE}, /* same number, another level */
    {"IPPROTO_IP 4", IPPROTO_IP, TCP_KEEPIDLE},
    {"TCP 9", IPPROTO_TCP, SO_KEEPALIVE},
    {"level -1", -1, TCP_KEEPIDLE},
    {"level 77", 77, TCP_KEEPIDLE},
    {"TCP -1", IPPROTO_TCP, -1},
    {"TCP 9999", IPPROTO_TCP, 9999},
};

enum { OPTIONS = sizeof options / sizeof options[0] };

static void try_set(int fd, int option, const void *value, socklen_t length, const char *what)
{
    errno = UNTOUCHED;
    int result = setsockopt(fd, options[option].level, options[option].number, value, length);
    printf("%s, %s, length %d: %d %s\n", options[option].name, what, (int)length, result,
           errno == UNTOUCHED ? "" : strerror(errno));
}

static void try_values(int fd, int option)
{
    static const int values[] = {INT_MIN, -1,  0,     1,     2,     9,      127,
                                 128,     129, 32767, 32768, 40000, 100000, INT_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char what[32];
        snprintf(what, sizeof what, "value %d", values[i]);
        try_set(fd, option, &values[i], sizeof values[i], what);
    }
}

static void try_lengths(int fd, int option)
{
    static const int lengths[] = {INT_MIN, -1, 0, 1, 2, 3, 4, 5, 8, 16, 4096};
    static const int value[1024] = {7};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        try_set(fd, option, value, (socklen_t)lengths[i], "value 7");
}

static void try_pointers(int fd, int option)
{
    const int value = 7;
    long page = sysconf(_SC_PAGESIZE);
    char *pages =
        mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + page, (size_t)page, PROT_NONE);
    memcpy(pages + page - 4, &value, 4);
    try_set(fd, option, NULL, 4, "NULL");
    try_set(fd, option, NULL, 0, "NULL");
    try_set(fd, option, (void *)-1, 4, "-1"); // NOLINT
    try_set(fd, option, (void *)1, 4, "1");   // NOLINT
    try_set(fd, option, pages + page, 4, "PROT_NONE");
    try_set(fd, option, pages + page - 4, 4, "4 bytes before PROT_NONE");
    try_set(fd, option, pages + page - 4, 8, "4 bytes before PROT_NONE");
    try_set(fd, option, pages + page - 3, 4, "3 bytes before PROT_NONE");
    munmap(pages, 2 * (size_t)page);
}

static void try_descriptors(int option)
{
    const int value = 7;
    int ends[2];
    if (pipe(ends) == 0)
        try_set(ends[0], option, &value, sizeof value, "pipe");
    try_set(-1, option, &value, sizeof value, "descriptor -1");
    try_set(INT_MIN, option, &value, sizeof value, "descriptor INT_MIN");
    try_set(INT_MAX, option, &value, sizeof value, "descriptor INT_MAX");
    try_set(999, option, &value, sizeof value, "closed descriptor");
    try_set(socket(AF_INET, SOCK_DGRAM, 0), option, &value, sizeof value, "UDP socket");
    try_set(socket(AF_UNIX, SOCK_STREAM, 0), option, &value, sizeof value, "Unix socket");
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0)
        return 1;
    for (int option = 0; option < OPTIONS; option++) {
        try_values(fd, option);
        try_lengths(fd, option);
        try_pointers(fd, option);
        try_descriptors(option);
    }
    return EXIT_SUCCESS;
}
