/*
 * Every error that the manual pages of the hooked functions list and a program can cause, and every
 * success beside it, has the same result, errno and effect with and without the guard. The tables
 * are programs/errno_*.c, which print a line for each case. Each runs without the guard, guarded
 * whatever it connects to, and with the guard loaded but no port to guard.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_errors_in(const char *printed, const char *const errors[])
{
    for (size_t i = 0; errors[i]; i++)
        cr_expect(lines_with(printed, text(" -1 %s ", errors[i])) > 0, "%s never came up",
                  errors[i]);
}

/* errors: those that the table must have brought about, or it would prove nothing. */
static void expect_the_same_errors(const char *program, const char *const errors[])
{
    const char *const *argv = WORDS(text("%s%s", PROGRAMS, program), scratch_directory());
    printed_alike(argv, WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1", "REDISGUARD_UNIX=no"));
    char *printed = printed_alike(
        argv, WORDS(GUARDED_EVERYWHERE, "REDISGUARD_UNIX=*", "REDISGUARD_USER_TIMEOUT=1500"));
    expect_errors_in(printed, errors);
}

Test(errno_parity, connect_sets_the_same_errno)
{
    needs_somebody_else();
    expect_the_same_errors("errno_connect",
                           WORDS("EACCES", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EAGAIN", "EALREADY",
                                 "EBADF", "ECONNREFUSED", "EINPROGRESS", "EINTR", "EINVAL",
                                 "EISCONN", "ENETUNREACH", "ENOENT", "ENOTDIR", "ENOTSOCK",
                                 "EPROTOTYPE", "ETIMEDOUT"));
}

Test(errno_parity, failing_connect_leaves_other_kinds_of_socket_unchanged)
{
    struct server *redis = start_redis(NULL);
    const char *const *argv =
        WORDS(PROGRAMS "errno_foreign", scratch_directory(), text("%d", redis->port));
    char *printed = printed_alike(argv, guarded(redis, NULL));
    expect_errors_in(printed, WORDS("EISCONN", "EALREADY"));
}

Test(errno_parity, setsockopt_sets_the_same_errno)
{
    needs_somebody_else();
    expect_the_same_errors("errno_setsockopt",
                           WORDS("EBADF", "EDOM", "EFAULT", "EINVAL", "ENODEV", "ENOENT",
                                 "ENOPROTOOPT", "ENOTSOCK", "EOPNOTSUPP", "EPERM"));
}

Test(errno_parity, getsockopt_sets_the_same_errno)
{
    expect_the_same_errors("errno_getsockopt", WORDS("EBADF", "EFAULT", "EINVAL", "ENOPROTOOPT",
                                                     "ENOTSOCK", "EOPNOTSUPP"));
}

Test(errno_parity, close_sets_the_same_errno)
{
    expect_the_same_errors("errno_close", WORDS("EBADF", "EINVAL"));
}

Test(errno_parity, dup_dup2_and_dup3_set_the_same_errno)
{
    expect_the_same_errors("errno_copies", WORDS("EBADF", "EINVAL", "EMFILE"));
}

Test(errno_parity, every_fcntl_command_sets_the_same_errno)
{
    needs_somebody_else();
    expect_the_same_errors("errno_fcntl", WORDS("EAGAIN", "EBADF", "EBUSY", "EFAULT", "EINTR",
                                                "EINVAL", "ENOTDIR", "EPERM", "ESRCH"));
}

Test(errno_parity, fork_and_daemon_set_the_same_errno)
{
    needs_somebody_else();
    expect_the_same_errors("errno_fork", WORDS("EAGAIN"));
}

Test(errno_parity, dlopen_and_dlerror_report_the_same_errors)
{
    const char *const *argv = WORDS(PROGRAMS "errno_dlopen", scratch_directory());
    char *printed = printed_alike(argv, WORDS("LD_PRELOAD=" LIBRARY));
    const char *const sayings[] = {"cannot open shared object file",
                                   "file too short",
                                   "invalid ELF header",
                                   "wrong ELF class",
                                   "cannot read file data",
                                   "invalid mode for dlopen()",
                                   "undefined symbol",
                                   NULL};
    for (size_t i = 0; sayings[i]; i++)
        cr_expect(lines_with(printed, sayings[i]) > 0, "dlerror never said: %s", sayings[i]);
}
