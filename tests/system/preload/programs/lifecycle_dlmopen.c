/*
 * lifecycle_dlmopen PORT MODULE: loads a module, and with it another libc, into a namespace of its
 * own, has it connect, fork and set options there, and then does so itself. Tells what became of
 * each.
 */
#include "rebind_tools.h"

static void look(const char *who, const struct calls *calls, int fd)
{
    uint64_t cookie = cookie_of(fd);
    bool guarded = setsockopt_is_guarded(calls, fd);
    pid_t child = calls->fork_no_handlers();
    if (child == 0) {
        dprintf(1, "%s: keepalive %s, in a child %s\n", who, guarded ? "on" : "off",
                cookie_of(fd) == cookie ? "shared" : "cut off");
        _exit(0);
    }
    wait_for(child);
}

static int connect_there(const struct calls *calls, int port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    checked(calls->connect(fd, (struct sockaddr *)&peer, sizeof peer), "connect");
    return fd;
}

int main(int argc, char *argv[])
{
    static const struct calls here = {.setsockopt = setsockopt, .fork_no_handlers = fork};
    (void)argc;
    int port = atoi(argv[1]);
    void *module = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
    const struct calls *there = calls_of(module);
    look("there", there, connect_there(there, port));
    look("here", &here, connect_socket(port, 0));
    printf("closed: %s\n", dlclose(module) == 0 ? "yes" : dlerror());
    return 0;
}
