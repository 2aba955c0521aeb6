/*
 * limits_memory PORT: connects at a descriptor for which the guard needs more memory, and the
 * process has reached RLIMIT_AS. Tells how that went, and what a child finds; then the same for a
 * copy, by dup2, of a connection for which there was memory.
 */
#include "child_tools.h"

#include <sys/resource.h>

enum { HIGH = 5000, TOUCHED = 256 * 1024 };

/* Not a byte more than there is now. */
static void allow_no_more_memory(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%ld", &pages) != 1)
        die("statm");
    fclose(file);
    const rlim_t size = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
    const struct rlimit limit = {.rlim_cur = size, .rlim_max = size};
    checked(setrlimit(RLIMIT_AS, &limit), "setrlimit");
}

/* The stack could not grow any more either. */
static void grow_stack(void)
{
    volatile char room[TOUCHED] = {0};
    for (int i = 0; i < TOUCHED; i += 4096)
        room[i] = (char)(room[i] + 1);
}

static void tell_of_child(const char *name, int fd)
{
    uint64_t cookie = cookie_of(fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "%s, child: %s\n", name, cookie_of(fd) == cookie ? "shared" : "cut off");
        _exit(0);
    }
    wait_for(child);
}

int main(int argc, char *argv[])
{
    (void)argc;
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit numbers;
    checked(getrlimit(RLIMIT_NOFILE, &numbers), "getrlimit");
    numbers.rlim_cur = numbers.rlim_max;
    checked(setrlimit(RLIMIT_NOFILE, &numbers), "setrlimit");
    int low = connect_socket(atoi(argv[1]), 0);
    int fd = checked(dup2(checked(socket(AF_INET, SOCK_STREAM, 0), "socket"), HIGH), "dup2");
    char reply[16];

    grow_stack();
    allow_no_more_memory();
    void *more = malloc((size_t)1 << 20);
    dprintf(1, "memory: %s\n", more == NULL ? "none" : "some");
    free(more);
    dprintf(1, "connect: %d\n", connect(fd, (struct sockaddr *)&peer, sizeof peer));
    bool answered = write(fd, "PING\r\n", 6) == 6 && read(fd, reply, sizeof reply) == 7;
    dprintf(1, "connection: %s, keepalive %s\n", answered ? "answered" : "no answer",
            has_keepalive(fd) ? "on" : "off");
    tell_of_child("connection", fd);
    dprintf(1, "dup2: %d\n", dup2(low, HIGH + 1));
    tell_of_child("copy", HIGH + 1);
    tell_of_child("original", low);
    return 0;
}
