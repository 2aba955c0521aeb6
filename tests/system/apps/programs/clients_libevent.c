/*
 * hiredis, asynchronous, in a loop of libevent: a child calls event_reinit, as libevent asks. When
 * the connection ends, every command that waits is answered with NULL, and the program connects and
 * logs in anew. Called by clients.c as: clients_libevent SCENARIO
 */
#include "clients_scenarios.h"

#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>

static struct event_base *loop;
static redisAsyncContext *redis; /* NULL once it is lost: it frees itself */
static char *received;           /* where the next reply goes */
static bool failed;

static void on_reply(redisAsyncContext *context, void *reply, void *unused)
{
    (void)unused;
    if (!received)
        return;
    failed = !reply;
    if (reply)
        put_reply(reply, received);
    else
        put_error(context->err, received);
    received = NULL;
    event_base_loopbreak(loop);
}

static void on_end(const redisAsyncContext *context, int status)
{
    (void)context;
    (void)status;
    redis = NULL;
}

static bool receive(char answer[LONGEST])
{
    received = answer;
    event_base_dispatch(loop);
    received = NULL;
    return !failed;
}

static void connect_and_log_in(void)
{
    redis = redisAsyncConnect(getenv("REDIS_HOST"), number_in("REDIS_PORT"));
    if (!redis || redis->err)
        exit(2);
    redisLibeventAttach(redis, loop);
    redisAsyncSetDisconnectCallback(redis, on_end);
    redisAsyncCommand(redis, NULL, NULL, "AUTH %s", getenv("REDIS_PASSWORD"));
    redisAsyncCommand(redis, NULL, NULL, "SELECT %s", getenv("REDIS_DATABASE"));
}

static bool do_ask(char answer[LONGEST], const char *command)
{
    if (!redis)
        connect_and_log_in();
    redisAsyncCommand(redis, on_reply, NULL, command);
    return receive(answer);
}

static bool do_hear(char message[LONGEST])
{
    if (!receive(message))
        return false;
    memmove(message, strrchr(message, ' ') + 1, strlen(strrchr(message, ' ')));
    return true;
}

static void after_fork(void)
{
    event_reinit(loop);
}

int main(int argc, char **argv)
{
    loop = event_base_new();
    if (argc < 2 || !loop)
        return 2;
    dprintf(1, "version %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    say("login", "program");
    run(argv[1]);
    return 0;
}
