/*
 * child_policy PORT: what the child finds at the number of the inherited connection, and whether
 * the first file that it opens gets that number.
 */
#include "child_tools.h"

int main(int argc, char *argv[])
{
    (void)argc;
    redisContext *context = connect_to(argv[1]);
    uint64_t cookie = cookie_of(context->fd);
    long long id = client_id(context);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "child: %s\n", what_is_at(context->fd, cookie));
        bool is_free = open("/dev/null", O_RDONLY | O_CLOEXEC) == context->fd;
        dprintf(1, "child: its number is %s\n", is_free ? "free" : "taken");
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
