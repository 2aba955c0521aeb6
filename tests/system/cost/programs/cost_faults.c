/*
 * cost_faults: prints how many page faults this process took before main, and how many one fork
 * takes in the parent and in the child, each rounded.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 64 };

static long faults_of(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return usage.ru_minflt;
}

static void fork_and_wait(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
}

int main(void)
{
    long at_start = faults_of(RUSAGE_SELF);
    fork_and_wait(); /* binds and touches what the others do */
    long parent = faults_of(RUSAGE_SELF);
    long children = faults_of(RUSAGE_CHILDREN);
    for (int i = 0; i < FORKS; i++)
        fork_and_wait();
    parent = faults_of(RUSAGE_SELF) - parent;
    children = faults_of(RUSAGE_CHILDREN) - children;
    printf("%ld %ld %ld\n", at_start, (parent + FORKS / 2) / FORKS, (children + FORKS / 2) / FORKS);
    return 0;
}
