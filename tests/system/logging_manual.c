/*
 * The manual of the library explains every kind of line in the log: each is made by a real program
 * here, and the kinds compared with those that the manual has.
 */
#include "child.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>

static struct server *redis;

static char *log_file(void)
{
    return text("%s/log", scratch_directory());
}

static void run_logged(const char *setting, const char *const argv[])
{
    run_program(argv, guarded(redis, WORDS(setting, "REDISGUARD_LOG_LEVEL=debug",
                                           text("REDISGUARD_LOG=%s", log_file()))));
}

/* Into a sandbox that refuses this call. */
static void run_refused(const char *rule, const char *const steps[])
{
    const char *argv[16] = {PROGRAMS "sandbox_run", "1", rule, "--"};
    for (size_t i = 0; steps[i]; i++)
        argv[4 + i] = steps[i];
    run_logged("REDISGUARD_FORCE=1", argv);
}

static void make_every_kind_of_line(void)
{
    const char *connect = connect_to(redis);
    run_logged("REDISGUARD_FORK=sever", STEPS("socket=tcp", connect, "fork", "wait"));
    run_logged("REDISGUARD_FORK=close", STEPS("socket=tcp", connect, "fork", "wait"));
    run_logged("REDISGUARD_FORCE=1", STEPS("socket=tcp", connect, "connect=unspec"));
    run_logged("REDISGUARD_TRAP=1", STEPS("socket=tcp", connect));
    run_refused(text("%d/1=%d/2=%d", SYS_setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT),
                STEPS("socket=tcp", connect));
    run_refused(text("%d/1=%d", SYS_fcntl, F_SETFD), STEPS("socket=tcp", connect));
    run_refused(text("%d/0=-1", SYS_rt_sigprocmask), STEPS("socket=tcp", connect));
    run_refused(text("%d/1=%d/2=%d", SYS_getsockopt, SOL_SOCKET, SO_COOKIE),
                STEPS("socket=tcp", connect));
    run_refused(text("%d", SYS_socketpair), STEPS("socket=tcp", connect, "fork", "wait"));
    run_logged("REDISGUARD_FORCE=1", WORDS(PROGRAMS "limits_memory", text("%d", redis->port)));
    run_logged("REDISGUARD_FORCE=1", WORDS(PROGRAMS "rebind_seccomp", text("%d", redis->port),
                                           built_module("rebind_relro")));
    run_logged("REDISGUARD_FORCE=1", WORDS("php", "-r", ""));
}

/* The lines without what differs from one to the next of a kind. */
static char *kinds_in(const char *prefix, const char *file)
{
    return output_of(WORDS("sh", "-c",
                           text("sed -n -E -e 's/^%s/; T' -e 's/descriptor [0-9]+/descriptor/'"
                                " -e 's/(guarded|child|connection to).*/\\1/'"
                                " -e 's|: /[^ ]*[.]so[.0-9]*|: MODULE|'"
                                " -e 's/[a-z]* rebound/FUNCTION rebound/' -e p %s | sort -u",
                                prefix, file)));
}

Test(logging_manual, explains_every_kind_of_line_and_no_other)
{
    redis = start_redis(NULL);
    make_every_kind_of_line();
    EXPECT_LINES(kinds_in("[.]I (info|warn|debug|error): /\\1: ", SOURCE_DIR "/shim/man/redisguard.7"),
                 kinds_in("[^ ]* redisguard\\[[0-9]+\\] /", log_file()));
}
