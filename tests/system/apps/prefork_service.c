/*
 * A service as in the incident of the shared connection: a PHP master with forked workers, each
 * with an event loop, which accept on one socket and use the connection that the master opened
 * before the fork. Run by itself, as a daemon, and by supervisord.
 */
#include "prefork.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MASTER APPLICATIONS "/master.php"

struct service {
    struct program *program;
    pid_t master;
    const char *ready; /* what the master said when it was */
};

static struct service when_ready(struct program *program)
{
    char *ready = wait_for_line(program, " is ready");
    return (struct service){program, atoi(ready + strlen("master ")), ready};
}

/* ---- by itself ---- */

/*
 * What strace showed in the report of one of two workers, row by row:
 *
 *     accept on 11, the socket that all workers listen on    = 12
 *     poll 7, the inherited connection, without waiting      nothing to read: it looks well
 *     sendto 7: an HGET of 93 bytes                          = 93
 *     poll 7 for up to 60 s                                  = POLLIN: somebody's reply is here
 *     recvfrom 7, MSG_DONTWAIT                               = EAGAIN: the other worker has read it
 *     close 7, write the error to the log
 *     accept on 11                                           = 7: the number is a client's now
 *     connect 15 to port 6379, sendto 15: the HGET           no AUTH before it (phpredis 5.2.1)
 *     recvfrom 15                                            = "-NOAUTH Authentication required."
 *
 * The same can be seen here. Mostly each worker but one meets that EAGAIN, once, and reconnects;
 * the last has the inherited connection for itself then, and reads for ever the reply to an earlier
 * HGET.
 */
static char *trace(void)
{
    return text("%s/trace", scratch_directory());
}

static struct service start_traced(const char *const env[])
{
    return when_ready(start_program(WORDS("strace", "-f", "--seccomp-bpf", "-e", "trace=recvfrom",
                                          "-o", trace(), "php", MASTER),
                                    env));
}

/* How often poll reported a reply that another worker then read. (A probe has MSG_PEEK, too.) */
static int replies_taken(void)
{
    return lines_with(content_of(trace()), ", MSG_DONTWAIT, NULL, NULL) = -1 EAGAIN");
}

/* While the workers stay in step, none reads another's reply: new requests break the step. */
static bool replies_taken_after_new_requests(void)
{
    answers_of_workers(HTTP_REQUEST);
    return replies_taken() > 0;
}

Test(prefork, event_loop_workers_accept_on_one_socket)
{
    struct server *redis = start_redis_for_workers();
    struct service bare = start_traced(bare_workers(redis, NULL));
    wait_for_one_socket_with(1 + WORKERS, redis);
    expect_replies_astray(HTTP_REQUEST);
    WAIT_UNTIL(replies_taken() > 0 || replies_taken_after_new_requests());
    end_program(bare.program);

    struct service service = start_traced(guarded_workers(redis, NULL));
    wait_for_one_socket_with(1, redis);
    expect_replies_right(redis, HTTP_REQUEST);
    end_in_order(service.program, service.master);
    cr_assert_eq(replies_taken(), 0);
}

/* ---- as a daemon ---- */

static struct service start_daemon(const char *const env[])
{
    return when_ready(start_program(WORDS("php", MASTER, "daemon"), env));
}

/*
 * A daemon that forks twice by itself keeps the connection as after daemon(3); but the guard
 * sees two forks, and cannot know that the parents are about to exit. So the daemon, too, gets a
 * connection of its own, which costs it one reconnect, and nobody keeps the first.
 */
Test(prefork, service_that_forks_twice_becomes_daemon)
{
    struct server *redis = start_redis_for_workers();
    struct service bare = start_daemon(bare_workers(redis, NULL));
    cr_assert(strstr(bare.ready, "the connection that was opened"), "%s", bare.ready);
    wait_for_one_socket_with(1 + WORKERS, redis);
    expect_replies_astray(HTTP_REQUEST);
    end_program(bare.program);

    struct service service = start_daemon(guarded_workers(redis, NULL));
    cr_assert(strstr(service.ready, "a connection of its own"), "%s", service.ready);
    wait_for_one_socket_with(1, redis);
    expect_replies_right(redis, HTTP_REQUEST);
    end_in_order(service.program, service.master);
}

/* ---- by supervisord ---- */

static struct service start_supervised(const char *const env[])
{
    const char *configuration = scratch_file(
        "supervisord.conf",
        text("[supervisord]\nnodaemon = true\nlogfile = /dev/null\n"
             "logfile_maxbytes = 0\npidfile = %s/supervisord.pid\n"
             "[program:service]\ncommand = php %s\n"
             "redirect_stderr = true\nstdout_logfile = /dev/fd/1\nstdout_logfile_maxbytes = 0\n",
             scratch_directory(), MASTER),
        0600);
    return when_ready(start_program(WORDS("supervisord", "-c", configuration), env));
}

/* The guard is in supervisord, too, and in all that it starts. */
Test(prefork, service_runs_under_supervisord)
{
    struct server *redis = start_redis_for_workers();
    struct service bare = start_supervised(bare_workers(redis, NULL));
    wait_for_one_socket_with(1 + WORKERS, redis);
    expect_replies_astray(HTTP_REQUEST);
    end_program(bare.program);

    struct service service = start_supervised(guarded_workers(redis, NULL));
    wait_for_one_socket_with(1, redis);
    expect_replies_right(redis, HTTP_REQUEST);
    end_in_order(service.program, service.program->pid);
}
