/*
 * child_vfork PORT FILE: children of vfork() and posix_spawn() move descriptors about before they
 * exec, which their parent must not notice; a forked child then tells what it finds.
 */
#include "child_tools.h"

#include <spawn.h>

enum { SPARE = 40 };

static char *const command[] = {(char[]){"true"}, NULL};

/*
 * The two change places, as when a shell redirects; whoever took that for the parent's own doing
 * would lose track of both. POSIX forbids all but exec
 * in such a child, and programs do it nevertheless.
 * NOLINTBEGIN(clang-analyzer-unix.Vfork,clang-analyzer-security.insecureAPI.vfork)
 */
static void move_about_in_vfork(int file, int one, int other)
{
    pid_t child = vfork();
    if (child == 0) {
        dup2(one, SPARE);
        dup2(other, one);
        dup2(SPARE, other);
        fcntl(one, F_DUPFD, SPARE + 1);
        dup2(file, SPARE);
        execvp(command[0], command);
        _exit(127);
    }
    wait_for(child);
}
/* NOLINTEND(clang-analyzer-unix.Vfork,clang-analyzer-security.insecureAPI.vfork) */

static void move_about_in_spawn(int file, int one, int other)
{
    pid_t child = -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, one, SPARE);
    posix_spawn_file_actions_adddup2(&actions, file, one);
    posix_spawn_file_actions_addclose(&actions, other);
    errno = posix_spawnp(&child, command[0], &actions, NULL, command, environ);
    wait_for(child);
}

int main(int argc, char *argv[])
{
    (void)argc;
    int file = checked(open(argv[2], O_RDWR | O_CREAT, 0600), "open");
    redisContext *context = connect_to(argv[1]);
    int other = connect_socket(atoi(argv[1]), 0);
    uint64_t cookies[] = {cookie_of(context->fd), cookie_of(other)};
    long long id = client_id(context);
    move_about_in_vfork(file, context->fd, other);
    move_about_in_spawn(file, context->fd, other);
    checked(dup2(file, SPARE), "dup2");
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "one: %s\n", what_is_at(context->fd, cookies[0]));
        dprintf(1, "other: %s\n", what_is_at(other, cookies[1]));
        dprintf(1, "file: write %s\n", result_of(write(file, "x", 1)));
        dprintf(1, "copy of the file: write %s\n", result_of(write(SPARE, "x", 1)));
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
