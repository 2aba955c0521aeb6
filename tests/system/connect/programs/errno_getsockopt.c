/*
 * errno_getsockopt DIRECTORY: getsockopt(2) with options of every level, and with lengths and
 * places that are right and wrong, on every kind of descriptor. Prints a line for each, with the
 * length that came back. What an option says of a guarded connection is not printed.
 */
#include "errno_tools.h"

#include <netinet/tcp.h>

static const struct {
    const char *name;
    int level, number;
} options[] = {
    {"SO_ERROR", SOL_SOCKET, SO_ERROR},
    {"SO_TYPE", SOL_SOCKET, SO_TYPE},
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
    {"SO_PEERCRED", SOL_SOCKET, SO_PEERCRED},
    {"SO_LINGER", SOL_SOCKET, SO_LINGER},
    {"SOL_SOCKET 9999", SOL_SOCKET, 9999},
    {"IP_TTL", IPPROTO_IP, IP_TTL},
    {"TCP_INFO", IPPROTO_TCP, TCP_INFO},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
    {"TCP 9999", IPPROTO_TCP, 9999},
    {"level -1", -1, SO_ERROR},
};

enum { OPTIONS = sizeof options / sizeof options[0] };

static char *pages; /* the second one can be neither read nor written */

static void make_pages(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + page, page, PROT_NONE);
    pages += page;
}

static void try_get(enum kind kind, int fd, int option, void *value, socklen_t length,
                    const char *what)
{
    socklen_t given = length;
    TRY(words("%s, %s, %s, length %d", kind_names[kind], options[option].name, what, (int)length),
        getsockopt(fd, options[option].level, options[option].number, value, &given),
        words("length %d", (int)given));
}

static void try_option(enum kind kind, int fd, int option)
{
    static const socklen_t lengths[] = {0, 1, 3, 4, 8, 512, INT_MAX, (socklen_t)-1};
    static char value[512];
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        try_get(kind, fd, option, value, lengths[i], "a buffer");
    try_get(kind, fd, option, NULL, 0, "NULL");
    try_get(kind, fd, option, NULL, 4, "NULL");
    try_get(kind, fd, option, (void *)1, 4, "pointer 1"); // NOLINT
    try_get(kind, fd, option, pages, 4, "PROT_NONE");
    try_get(kind, fd, option, pages - 2, 4, "2 bytes before PROT_NONE");
    TRY(words("%s, %s, no length", kind_names[kind], options[option].name),
        getsockopt(fd, options[option].level, options[option].number, value, NULL), "");
}

/* SO_ERROR says it once, and then no more. */
static void try_refused(void)
{
    struct sockaddr_in address = loopback(1);
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    (void)connect(fd, (struct sockaddr *)&address, sizeof address);
    wait_for_event(fd, POLLOUT);
    for (int i = 0; i < 2; i++) {
        int error = -1;
        socklen_t length = sizeof error;
        TRY("SO_ERROR of a refused connect", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length),
            error == 0 ? "none" : strerrorname_np(error));
    }
    close(fd);
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    directory = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    make_pages();
    for (int kind = 0; kind < KINDS; kind++) {
        int fd = make((enum kind)kind);
        for (int option = 0; option < OPTIONS; option++)
            try_option((enum kind)kind, fd, option);
        discard(fd);
    }
    try_refused();
    return EXIT_SUCCESS;
}
