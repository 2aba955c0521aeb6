/*
 * hiredis, the bare synchronous context: after an error the program calls redisReconnect and logs
 * in again, which is its own business. Called by clients.c as: clients_hiredis SCENARIO
 */
#include "clients_scenarios.h"

static redisContext *redis;

static void log_in(void)
{
    freeReplyObject(redisCommand(redis, "AUTH %s", getenv("REDIS_PASSWORD")));
    freeReplyObject(redisCommand(redis, "SELECT %s", getenv("REDIS_DATABASE")));
}

static bool take(redisReply *reply, char answer[LONGEST])
{
    if (reply) {
        put_reply(reply, answer);
        freeReplyObject(reply);
        return true;
    }
    put_error(redis->err, answer);
    if (redisReconnect(redis) == REDIS_OK)
        log_in();
    return false;
}

static bool do_ask(char answer[LONGEST], const char *command)
{
    return take(redisCommand(redis, command), answer);
}

static bool do_hear(char message[LONGEST])
{
    void *reply = NULL;
    if (redisGetReply(redis, &reply) != REDIS_OK || !take(reply, message))
        return reply || take(NULL, message);
    memmove(message, strrchr(message, ' ') + 1, strlen(strrchr(message, ' ')));
    return true;
}

static void after_fork(void)
{
}

int main(int argc, char **argv)
{
    redis = redisConnect(getenv("REDIS_HOST"), number_in("REDIS_PORT"));
    if (argc < 2 || !redis || redis->err)
        return 2;
    log_in();
    dprintf(1, "version %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    say("login", "program");
    run(argv[1]);
    return 0;
}
