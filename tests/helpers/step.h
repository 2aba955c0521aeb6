/*
 * step.h: something happens at each instruction of a call: the processor stops after each (the trap
 * flag of x86-64), and the handler of SIGTRAP forks by a bare system call. What the child does
 * there is up to who includes this: judge() what a fork at this instant would have left, or act()
 * as another thread would, and go through with the rest of the call.
 */
#ifndef REDISGUARD_TESTS_STEP_H
#define REDISGUARD_TESTS_STEP_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)

enum { TRAP_FLAG = 0x100 };

/* The child's exit status: 0 well, 1 not, anything else: it failed. */
static void (*step_judge)(void);
static void (*step_act)(void);
static volatile int step_points;
static volatile int step_bad;
static volatile int step_failed;
static volatile bool step_is_child; /* it has acted, and the call has ended */

static void step_fork(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    int error = errno;
    int status = 0;
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0 && step_judge != NULL)
        step_judge();
    if (child == 0) {
        step_act();
        step_is_child = true;
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(long long)TRAP_FLAG;
        errno = error;
        return;
    }
    waitpid(child, &status, 0);
    step_points++;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        step_failed++;
    else
        step_bad += WEXITSTATUS(status);
    errno = error;
}

static inline void step_prepare(void (*judge)(void), void (*act)(void))
{
    struct sigaction action = {.sa_sigaction = step_fork, .sa_flags = SA_SIGINFO};
    step_judge = judge;
    step_act = act;
    sigaction(SIGTRAP, &action, NULL);
}

#define STEP_FLAG(operation)                                                                       \
    __asm__ volatile("pushfq\n\t" operation " (%%rsp)\n\tpopfq" ::: "memory", "cc")

#define STEP_THROUGH(call)                                                                         \
    do {                                                                                           \
        step_points = step_bad = step_failed = 0;                                                  \
        STEP_FLAG("orq $0x100,");                                                                  \
        call;                                                                                      \
        STEP_FLAG("andq $~0x100,");                                                                \
    } while (0)

#endif
#endif
