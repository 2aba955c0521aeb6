/*
 * hiredis, a plain context without any timeout: does one thing, says what came of it, and after an
 * error works again as soon as it can. The lab calls it as: hiredis HOST PORT brpop|get|connect
 * QUEUE
 */
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *host;
static int port;

static redisContext *connection(void)
{
    redisContext *context = redisConnect(host, port);
    if (context == NULL)
        exit(1);
    return context;
}

static bool ask_id(redisContext *context, const char *event)
{
    redisReply *reply = redisCommand(context, "CLIENT ID");
    if (reply != NULL)
        printf("%s %lld\n", event, reply->integer);
    freeReplyObject(reply);
    return reply != NULL;
}

static bool answers(redisContext *context, const char *command, const char *argument)
{
    redisReply *reply = redisCommand(context, "%s %s", command, argument);
    freeReplyObject(reply);
    return reply != NULL;
}

static bool pops(redisContext *context, const char *queue)
{
    redisReply *reply = redisCommand(context, "BRPOP %s 0", queue);
    freeReplyObject(reply);
    return reply != NULL;
}

static void wait_for_word(void)
{
    char line[16];
    if (fgets(line, sizeof line, stdin) == NULL)
        exit(1);
}

static void work_again(void)
{
    for (;;) {
        redisContext *context = connection();
        bool works = !context->err && answers(context, "INCR", "work");
        redisFree(context);
        if (works)
            break;
        usleep(50000);
    }
    puts("back ");
}

int main(int count, char **words)
{
    if (count != 5)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    host = words[1];
    port = atoi(words[2]);
    const char *what = words[3];
    redisContext *context = NULL;
    if (strcmp(what, "connect") != 0)
        ask_id(context = connection(), "ready");
    else
        puts("ready ");
    if (strcmp(what, "brpop") != 0)
        wait_for_word();
    if (context == NULL)
        context = connection();

    bool well =
        !context->err &&
        (strcmp(what, "brpop") == 0 ? pops(context, words[4]) : answers(context, "GET", "key")) &&
        ask_id(context, "done");
    if (!well) {
        printf("lost %s\n", context->errstr);
        work_again();
    }
    redisFree(context);
    return 0;
}
