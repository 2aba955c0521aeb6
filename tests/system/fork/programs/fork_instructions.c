/*
 * fork_instructions PORT NUMBERS FORKS: connects on so many numbers at once and closes all of them,
 * then forks so many children, one after another. Prints how many instructions the next fork(3)
 * takes outside the kernel, the parent's and the child's.
 */
#include "child_tools.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

static atomic_long *instructions; /* shared with the child */

static void count_instruction(int signal)
{
    (void)signal;
    atomic_fetch_add(instructions, 1);
}

/* The processor stops after each instruction (the trap flag of x86-64), in the child as well. */
static pid_t counted_fork(void)
{
    pid_t child = -1;
#if defined(__x86_64__)
    signal(SIGTRAP, count_instruction);
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
    child = fork();
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
#endif
    return child;
}

static void end_of(pid_t child)
{
    if (child == 0)
        _exit(0);
    wait_for(checked(child, "fork"));
}

int main(int argc, char *argv[])
{
    struct rlimit limit;
    (void)argc;
    checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    instructions =
        mmap(NULL, sizeof *instructions, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (instructions == MAP_FAILED)
        die("mmap");
    use_numbers(atoi(argv[1]), atoi(argv[2]));
    for (int i = 0; i < atoi(argv[3]); i++)
        end_of(fork());
    end_of(counted_fork());
    printf("%ld\n", atomic_load(instructions));
    return 0;
}
