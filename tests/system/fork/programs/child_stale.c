/*
 * child_stale PORT NUMBERS FORKS: connects on so many numbers at once and closes all of them, then
 * forks so many children, one after another. Prints the pid of the first and of the last child.
 */
#include "child_tools.h"

#include <sys/resource.h>

static pid_t fork_and_wait(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child);
    return child;
}

int main(int argc, char *argv[])
{
    (void)argc;
    int count = atoi(argv[2]);
    struct rlimit limit;
    checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    use_numbers(atoi(argv[1]), count);
    pid_t first = fork_and_wait();
    pid_t last = first;
    for (int i = 1; i < atoi(argv[3]); i++)
        last = fork_and_wait();
    printf("%d %d\n", first, last);
    return 0;
}
