/*
 * musl_opener PORT FILE: tells whether an error was left for its dlerror(3), opens a module by that
 * name, as musl's own programs do, and tells whether the guard notices when the module turns the
 * keepalive of a connection off, and when it forks by _Fork(3), which musl has since 1.2.3. Run by
 * the musl suite, built with musl-gcc.
 */
#include "rebind_calls.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_socket(const char *port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0)
        exit(1);
    return fd;
}

static void tell_of_setsockopt(const struct calls *calls, int fd)
{
    int value = 0;
    socklen_t length = sizeof value;
    calls->setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, length);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length);
    dprintf(1, "setsockopt: %s\n", value != 0 ? "guarded" : "bypasses");
}

static void tell_of_fork_no_handlers(const struct calls *calls, int fd)
{
    char byte;
    pid_t child = calls->fork_no_handlers();
    if (child < 0)
        dprintf(1, "_Fork: %s\n", strerror(errno));
    if (child == 0) {
        ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
        dprintf(1, "_Fork: %s\n", got == 0 ? "cut off" : "shared");
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

int main(int argc, char *argv[])
{
    (void)argc;
    const char *error = dlerror();
    dprintf(1, "left behind: %s\n", error == NULL ? "nothing" : error);
    void *volatile module = dlopen(argv[2], RTLD_NOW);
    error = dlerror();
    dprintf(1, "dlopen: %s\n", module == NULL ? error : "opened");
    const struct calls *calls = module == NULL ? NULL : dlsym(module, "rebind_calls");
    if (calls == NULL)
        return 1;
    int fd = connect_socket(argv[1]);
    tell_of_setsockopt(calls, fd);
    tell_of_fork_no_handlers(calls, fd);
    return 0;
}
