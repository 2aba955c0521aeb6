/*
 * Workers in hiredis, a process each, that take jobs with BRPOP and connect again after any error.
 * The lab and tests/system/dead_peer/outage.c call it as: worker_hiredis HOST PORT QUEUE WORKERS
 * SECONDS (of the workers' own read timeout; 0: none)
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void take_jobs(redisContext *context, const char *queue)
{
    redisReply *reply;
    while ((reply = redisCommand(context, "BRPOP %s 0", queue)) != NULL) {
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2)
            printf("job %s\n", reply->element[1]->str);
        freeReplyObject(reply);
    }
}

static _Noreturn void work(char **words)
{
    for (;;) {
        redisContext *context = redisConnect(words[1], atoi(words[2]));
        if (context == NULL)
            exit(1);
        if (!context->err) {
            redisSetTimeout(context, (struct timeval){.tv_sec = atoi(words[5])});
            puts("connected ");
            take_jobs(context, words[3]);
        }
        printf("lost %s\n", context->errstr);
        redisFree(context);
        usleep(50000);
    }
}

int main(int count, char **words)
{
    if (count != 6)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = atoi(words[4]); i > 0; i--)
        if (fork() == 0)
            work(words);
    while (wait(NULL) > 0)
        ;
    return 0;
}
