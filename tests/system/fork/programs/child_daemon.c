/*
 * child_daemon PORT: connects, becomes a daemon, tells whether it still talks on the same
 * connection, and what a child that the daemon forks finds.
 */
#include "child_tools.h"

int main(int argc, char *argv[])
{
    (void)argc;
    redisContext *context = connect_to(argv[1]);
    uint64_t cookie = cookie_of(context->fd);
    long long id = client_id(context);
    pid_t before = getpid();
    checked(daemon(1, 1), "daemon");
    dprintf(1, "daemon: %s\n", getpid() == before ? "the same process" : "another process");
    dprintf(1, "daemon: %s\n", client_id(context) == id ? "same client" : "lost");
    int copy = dup(context->fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "child: %s\n", what_is_at(context->fd, cookie));
        dprintf(1, "child: %s\n", what_is_at(copy, cookie));
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "daemon: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
