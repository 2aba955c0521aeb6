/*
 * rebind_stack PORT FILE: opens a module by its bare name with RTLD_DEEPBIND; the next call that a
 * guard sees is made by a signal handler on a stack of 8 KB, below which nothing is mapped. Tells
 * whether the guard notices when the module calls setsockopt().
 */
#include "rebind_tools.h"

#include <sys/mman.h>

enum { STACK = 8192, BELOW = 65536 };

static void make_a_call(int signal)
{
    (void)signal;
    close(dup(1));
}

static void handle_on_a_small_stack(void)
{
    char *below = mmap(NULL, BELOW + STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = below + BELOW, .ss_size = STACK};
    struct sigaction action = {.sa_handler = make_a_call, .sa_flags = SA_ONSTACK};
    checked(mprotect(stack.ss_sp, STACK, PROT_READ | PROT_WRITE), "mprotect");
    checked(sigaltstack(&stack, NULL), "sigaltstack");
    checked(sigaction(SIGUSR1, &action, NULL), "sigaction");
}

int main(int argc, char *argv[])
{
    (void)argc;
    int connection = connect_socket(atoi(argv[1]), 0);
    handle_on_a_small_stack();
    void *module = dlopen(argv[2], RTLD_LAZY | RTLD_DEEPBIND);
    raise(SIGUSR1);
    printf("setsockopt: %s\n",
           setsockopt_is_guarded(calls_of(module), connection) ? "guarded" : "bypasses");
    return 0;
}
