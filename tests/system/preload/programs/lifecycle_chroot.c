/*
 * lifecycle_chroot PORT DIRECTORY: shuts itself into the directory, in which nothing is, then
 * connects and forks. Tells what became of both.
 */
#include "child_tools.h"

int main(int argc, char *argv[])
{
    (void)argc;
    checked(chroot(argv[2]), "chroot");
    checked(chdir("/"), "chdir");
    int fd = connect_socket(atoi(argv[1]), 0);
    uint64_t cookie = cookie_of(fd);
    printf("keepalive %s\n", has_keepalive(fd) ? "on" : "off");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "child: %s\n", what_is_at(fd, cookie));
        _exit(0);
    }
    wait_for(child);
    close(connect_socket(atoi(argv[1]), 0));
    return 0;
}
