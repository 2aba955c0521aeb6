/*
 * child_epoll PORT: an epoll instance is open before the fork, as in any event loop, and the child
 * tidies it up: takes the inherited connection out and closes it. Tells whether the parent still
 * hears of its replies.
 */
#include "child_tools.h"

int main(int argc, char *argv[])
{
    (void)argc;
    redisContext *context = connect_to(argv[1]);
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, context->fd, &event), "epoll_ctl");
    pid_t child = fork();
    if (child == 0) {
        int removed = epoll_ctl(epoll, EPOLL_CTL_DEL, context->fd, NULL);
        dprintf(1, "child: EPOLL_CTL_DEL %s\n", result_of(removed));
        close(context->fd);
        _exit(0);
    }
    wait_for(child);
    checked((int)write(context->fd, "PING\r\n", 6), "write");
    struct pollfd answer = {.fd = context->fd, .events = POLLIN};
    checked(poll(&answer, 1, -1), "poll");
    int ready = checked(epoll_wait(epoll, &event, 1, 0), "epoll_wait");
    dprintf(1, "parent: %s\n", ready == 1 && event.events == EPOLLIN ? "readable" : "not told");
    return 0;
}
