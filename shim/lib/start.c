/*
 * start.c: what happens before main: the environment is read and acted upon, the real functions are
 * found, the fork handlers are registered. The loader calls it; hooks that are reached earlier do
 * without it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "dl/real.h"
#include "dl/rebind.h"
#include "dl/scope.h"
#include "fork.h"
#include "inherited.h"
#include "kernel.h"
#include "log.h"
#include "text.h"

/* glibc has the first in libc.so.6, musl only the second; one of the two is there. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *object) __attribute__((weak));
extern int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
    __attribute__((weak));

static void leave(int status)
{
    for (;;)
        kernel_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* Most environments have neither, and unsetenv(3) takes a lock in memory of its own. */
static void remove_if_present(const char *name)
{
    for (char *const *entry = environ; entry != NULL && *entry != NULL; entry++) {
        const char *rest = text_after(*entry, name);
        if (rest != NULL && *rest == '=') {
            unsetenv(name);
            return;
        }
    }
}

/* Meant for this program alone: what it starts must not end, or print, in its turn. */
static void keep_from_children(void)
{
    remove_if_present(REDISGUARD_PREFIX "STRICT");
    remove_if_present(REDISGUARD_PREFIX "PROBE");
}

/*
 * A program with other rights than its caller's may get those for good, and what it executes then
 * would believe these variables. As unsetenv(3) does it, but for names of any kind.
 */
static void remove_untrusted_variables(void)
{
    char **kept = environ;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (text_after(*entry, REDISGUARD_PREFIX) == NULL)
            *kept++ = *entry;
    if (kept != NULL)
        *kept = NULL;
}

/* In a child another thread's lock of the loader would be held for ever. */
static void before_fork(void)
{
    rebind_deferred();
    fork_prepare();
}

static void after_fork_in_parent(void)
{
    fork_parent();
    inherited_report();
}

static void register_fork_handlers(void)
{
    static char this_object; /* whose handlers these are: never unloaded, so never taken back */
    if (__register_atfork != NULL)
        __register_atfork(before_fork, after_fork_in_parent, fork_child, &this_object);
    else if (pthread_atfork != NULL)
        pthread_atfork(before_fork, after_fork_in_parent, fork_child);
}

static void __attribute__((constructor)) start(void)
{
    real_start();
    log_start();
    if (config()->strict && config()->mistakes > 0)
        leave(REDISGUARD_EXIT_STRICT);
    if (config()->probe) {
        config_print(config(), STDOUT_FILENO);
        leave(EXIT_SUCCESS);
    }
    if (config_trusts_environment())
        keep_from_children();
    else
        remove_untrusted_variables();
    if (config()->disable)
        return;
    scope_start();
    register_fork_handlers();
}
