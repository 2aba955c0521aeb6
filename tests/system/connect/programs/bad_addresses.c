/*
 * Calls connect(2) with every kind of address that is wrong, and some that are right, and prints
 * what came back. Run by the connection tests, bare and under the preload: the two must not differ.
 *
 *     bad_addresses PORT PATH
 *
 * PORT is a listening one of 127.0.0.1 and PATH a listening socket; both are to be guarded ones.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { UNTOUCHED = 1234 };

static const socklen_t lengths[] = {
    0,  1,  2,  3,   7,   8,   9,   15,  16,   17,      24,
    27, 28, 29, 109, 110, 111, 128, 129, 4096, INT_MAX, (socklen_t)-1};

static int try_connect(int fd, const void *address, socklen_t length, const char *what)
{
    errno = UNTOUCHED;
    int result = connect(fd, address, length);
    printf("%s, length %u: %d %s\n", what, length, result,
           errno == UNTOUCHED ? "" : strerror(errno));
    return result;
}

/* A socket of its own for each call: what one leaves behind is not what the next one finds. */
static void try_fresh(int domain, const void *address, socklen_t length, const char *what)
{
    int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
    try_connect(fd, address, length, what);
    close(fd);
}

static void try_every_length(int domain, const void *address, const char *what)
{
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        try_fresh(domain, address, lengths[i], what);
}

static void try_wild_pointers(int domain)
{
    void *unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try_every_length(domain, NULL, "NULL");
    try_every_length(domain, (void *)-1, "-1");                    // NOLINT
    try_every_length(domain, (void *)-16, "-16");                  // NOLINT
    try_every_length(domain, (void *)1, "1");                      // NOLINT
    try_every_length(domain, (void *)INTPTR_MAX, "not canonical"); // NOLINT
    try_every_length(domain, unmapped, "PROT_NONE");
}

/* The address ends where the memory does, and is `readable` bytes long up to there. */
static void try_edge(int domain, const void *address, size_t readable)
{
    long page = sysconf(_SC_PAGESIZE);
    char *pages =
        mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + page, (size_t)page, PROT_NONE);
    char *at = pages + page - readable;
    char what[64];
    snprintf(what, sizeof what, "domain %d, %zu bytes before PROT_NONE", domain, readable);
    memcpy(at, address, readable);
    try_every_length(domain, at, what);
    munmap(pages, 2 * (size_t)page);
}

static void try_edges(int domain, const void *address, size_t length)
{
    static const size_t readable[] = {0,  1,  2,  4,  7,  8,  9,   15, 16,
                                      20, 23, 24, 27, 28, 64, 110, 128};
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
        if (readable[i] <= length)
            try_edge(domain, address, readable[i]);
}

static void try_descriptors(const struct sockaddr_in *peer)
{
    int ends[2];
    int closed = dup(0);
    close(closed);
    try_connect(-1, peer, sizeof *peer, "descriptor -1");
    try_connect(INT_MIN, peer, sizeof *peer, "descriptor INT_MIN");
    try_connect(INT_MAX, peer, sizeof *peer, "descriptor INT_MAX");
    try_connect(closed, peer, sizeof *peer, "closed descriptor");
    if (pipe(ends) == 0)
        try_connect(ends[0], peer, sizeof *peer, "pipe");
    try_connect(open("/", O_RDONLY | O_DIRECTORY), peer, sizeof *peer, "directory");
    try_connect(open("/", O_PATH | O_DIRECTORY), peer, sizeof *peer, "O_PATH");
}

static void try_states(const struct sockaddr_in *peer)
{
    struct sockaddr_in nowhere = *peer;
    int connected = socket(AF_INET, SOCK_STREAM, 0);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    int bound = socket(AF_INET, SOCK_STREAM, 0);
    nowhere.sin_port = 0;
    try_connect(connected, peer, sizeof *peer, "fresh socket");
    try_connect(connected, peer, sizeof *peer, "connected socket");
    try_connect(bound, &nowhere, sizeof nowhere, "port 0");
    if (bind(listening, (struct sockaddr *)&nowhere, sizeof nowhere) == 0 &&
        listen(listening, 1) == 0)
        try_connect(listening, peer, sizeof *peer, "listening socket");
    try_connect(socket(AF_UNIX, SOCK_STREAM, 0), peer, sizeof *peer, "Unix socket to TCP");
    try_connect(socket(AF_INET6, SOCK_STREAM, 0), peer, sizeof *peer, "IPv6 socket to IPv4");
    try_connect(socket(AF_INET, SOCK_DGRAM, 0), peer, sizeof *peer, "UDP socket");
    try_connect(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP), peer, sizeof *peer, "SCTP socket");
    try_connect(socket(AF_INET, SOCK_STREAM, 262), peer, sizeof *peer, "MPTCP socket");
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    struct sockaddr_storage storage[3] = {{0}};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage[0];
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage[1];
    struct sockaddr_un *un = (struct sockaddr_un *)&storage[2];
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)atoi(argv[1]));
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = in->sin_port;
    in6->sin6_addr = in6addr_loopback;
    un->sun_family = AF_UNIX;
    strncpy(un->sun_path, argv[2], sizeof un->sun_path - 1);

    static const int domains[] = {AF_INET, AF_INET6, AF_UNIX};
    for (size_t i = 0; i < 3; i++) {
        try_wild_pointers(domains[i]);
        try_edges(domains[i], &storage[i], sizeof storage[i]);
    }
    try_descriptors(in);
    try_states(in);
    return EXIT_SUCCESS;
}
