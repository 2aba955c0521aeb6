/*
 * The two stories as a C program tells them, with hiredis:
 *
 *     musl_hiredis PORT brpop      waits for an element without any timeout; says what ended it
 *     musl_hiredis PORT prefork    connects, then forks workers that use the inherited context
 *
 * A bare hiredis context reports a closed connection once; redisReconnect(3) mends it, as the
 * workers do. Run by the musl suite, built with musl-gcc and hiredis from source by tests/matrix.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 4, GETS = 1000, READ_TIMEOUT = 2 /* s: a reply that another worker took */ };

struct tally {
    int wrong, errors;
};

static redisContext *connected_to(const char *port)
{
    redisContext *redis = redisConnect("127.0.0.1", atoi(port));
    if (redis == NULL || redis->err != 0)
        exit(2);
    return redis;
}

static int wait_for_an_element(redisContext *redis)
{
    puts("waits");
    fflush(stdout);
    redisReply *reply = redisCommand(redis, "BRPOP queue 0");
    printf("%s\n", reply == NULL ? "lost" : "popped");
    return 0;
}

static long long client_id(redisContext *redis)
{
    redisReply *reply = redis->err != 0 ? NULL : redisCommand(redis, "CLIENT ID");
    return reply == NULL || reply->type != REDIS_REPLY_INTEGER ? -1 : reply->integer;
}

/* ECHO stands for GET: the reply says whose question it answers. */
static struct tally work(redisContext *redis, int worker)
{
    struct tally tally = {0, 0};
    char expected[32];
    for (int get = 0; get < GETS; get++) {
        snprintf(expected, sizeof expected, "%d-%d", worker, get);
        redisReply *reply = redisCommand(redis, "ECHO %s", expected);
        if (reply != NULL)
            tally.wrong += reply->type != REDIS_REPLY_STRING || strcmp(reply->str, expected) != 0;
        else if (tally.errors++, redisReconnect(redis) != REDIS_OK)
            break;
        if (reply != NULL)
            freeReplyObject(reply);
    }
    return tally;
}

static int start_worker(redisContext *redis, int worker)
{
    int ends[2];
    if (pipe(ends) < 0)
        exit(2);
    if (fork() == 0) {
        struct tally tally = work(redis, worker);
        _exit(write(ends[1], &tally, sizeof tally) != sizeof tally);
    }
    close(ends[1]);
    return ends[0];
}

static int run_workers(redisContext *redis)
{
    int pipes[WORKERS];
    struct tally sum = {0, 0}, one;
    redisSetTimeout(redis, (struct timeval){READ_TIMEOUT, 0});
    long long id = client_id(redis);
    for (int worker = 0; worker < WORKERS; worker++)
        pipes[worker] = start_worker(redis, worker);
    for (int worker = 0; worker < WORKERS; worker++) {
        if (read(pipes[worker], &one, sizeof one) != sizeof one)
            exit(2);
        sum.wrong += one.wrong;
        sum.errors += one.errors;
    }
    while (wait(NULL) > 0)
        ;
    printf("wrong=%d errors=%d master=%s\n", sum.wrong, sum.errors,
           client_id(redis) == id ? "same" : "lost");
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    redisContext *redis = connected_to(argv[1]);
    return strcmp(argv[2], "brpop") == 0 ? wait_for_an_element(redis) : run_workers(redis);
}
