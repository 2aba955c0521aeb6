/*
 * limits_many PORT COUNT: that many connections, every fiftieth with a file beside it, and a fork.
 * Tells how many of them the child finds shared, cut off and lost, and how many answer the parent.
 */
#include "child_tools.h"

#include <sys/resource.h>

enum { FILE_EVERY = 50 };

static int count;
static int *connections, *files;
static uint64_t *cookies;

static void *many(size_t size)
{
    void *made = calloc((size_t)count, size);
    if (made == NULL)
        die("calloc");
    return made;
}

static void raise_limit(void)
{
    const rlim_t wanted = (rlim_t)count + (rlim_t)(count / FILE_EVERY) + 100;
    struct rlimit limit;
    checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = wanted;
    limit.rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max;
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static void open_all(int port)
{
    for (int i = 0; i < count; i++) {
        connections[i] = connect_socket(port, SOCK_CLOEXEC);
        cookies[i] = cookie_of(connections[i]);
        if (i % FILE_EVERY == 0)
            files[i] = checked(open("/dev/zero", O_RDONLY | O_CLOEXEC), "open");
    }
}

static bool is_cut_off(int fd)
{
    char byte;
    return read(fd, &byte, 1) == 0 && send(fd, "x", 1, 0) < 0 && errno == EPIPE;
}

static void look_around(void)
{
    int shared = 0, cut_off = 0, intact = 0;
    char byte;
    for (int i = 0; i < count; i++) {
        bool same = cookie_of(connections[i]) == cookies[i];
        shared += same;
        cut_off += !same && is_cut_off(connections[i]);
        intact += i % FILE_EVERY == 0 && read(files[i], &byte, 1) == 1;
    }
    dprintf(1, "child: %d shared, %d cut off, %d files\n", shared, cut_off, intact);
}

/* All are asked before the first answer is read. */
static int answers(void)
{
    char reply[16];
    int good = 0;
    for (int i = 0; i < count; i++)
        if (write(connections[i], "PING\r\n", 6) != 6)
            die("write");
    for (int i = 0; i < count; i++)
        good +=
            read(connections[i], reply, sizeof reply) == 7 && memcmp(reply, "+PONG\r\n", 7) == 0;
    return good;
}

int main(int argc, char *argv[])
{
    (void)argc;
    count = atoi(argv[2]);
    connections = many(sizeof *connections);
    files = many(sizeof *files);
    cookies = many(sizeof *cookies);
    raise_limit();
    open_all(atoi(argv[1]));
    pid_t child = fork();
    if (child == 0) {
        look_around();
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "parent: %d answered\n", answers());
    return 0;
}
