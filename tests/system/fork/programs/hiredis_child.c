/*
 * A child that uses the hiredis context it inherited, as a C program would: the command fails, no
 * signal ends the child, and redisReconnect succeeds. Then the parent uses its own again.
 * Called by other_preloads.c as: hiredis_child PORT
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *reply_of(redisContext *redis, const char *command)
{
    redisReply *reply = redisCommand(redis, command);
    return reply == NULL ? NULL : reply->str;
}

static int child_uses(redisContext *redis)
{
    const char *first = reply_of(redis, "GET greeting");
    printf("child: first command: %s\n", first == NULL ? "an error" : first);
    if (first == NULL) {
        printf("child: reconnect: %s\n", redisReconnect(redis) == REDIS_OK ? "ok" : redis->errstr);
        printf("child: second command: %s\n", reply_of(redis, "GET greeting"));
    }
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    redisContext *redis = redisConnect("127.0.0.1", argc > 1 ? atoi(argv[1]) : 6379);
    if (redis == NULL || redis->err)
        return 2;
    reply_of(redis, "SET greeting hello");
    redisReply *before = redisCommand(redis, "CLIENT ID");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(child_uses(redis));
    int status = 0;
    waitpid(child, &status, 0);
    printf("child: %s\n", WIFEXITED(status) ? "ended by itself" : "killed by a signal");
    redisReply *after = redisCommand(redis, "CLIENT ID");
    printf("parent: %s\n",
           after != NULL && after->integer == before->integer ? "same connection" : "lost its own");
    return 0;
}
