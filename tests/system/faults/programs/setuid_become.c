/*
 * setuid_become COMMAND ARGUMENT...: becomes the user whose rights it has, for good, and executes
 * the command. Knows nothing of the guard.
 */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    uid_t user = geteuid();
    if (argc < 2 || setresuid(user, user, user) != 0) {
        perror("setuid_become");
        return 1;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}
