/*
 * child_vfork_close PORT: a child of vfork() closes the number of its parent's connection twice, as
 * its own connection and as the file that was given the number then. Tells what becomes of the
 * parent's attempt to turn keepalive off.
 */
#include "child_tools.h"

/* NOLINTBEGIN(clang-analyzer-unix.Vfork,clang-analyzer-security.insecureAPI.vfork) */
static void close_twice_in_vfork(int connection)
{
    pid_t child = vfork();
    if (child == 0) {
        close(connection);
        int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
        close(file);
        _exit(file == connection ? 0 : 1);
    }
    wait_for(child);
}
/* NOLINTEND(clang-analyzer-unix.Vfork,clang-analyzer-security.insecureAPI.vfork) */

int main(int argc, char *argv[])
{
    (void)argc;
    const int off = 0;
    int fd = connect_socket(atoi(argv[1]), 0);
    close_twice_in_vfork(fd);
    checked(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off), "setsockopt");
    printf("keepalive %s\n", has_keepalive(fd) ? "on" : "off");
    return 0;
}
