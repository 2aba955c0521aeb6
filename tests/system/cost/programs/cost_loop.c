/*
 * cost_loop COUNT WHAT [PORT]: makes one call so many times, to be counted from outside, by strace
 * or callgrind: what the guard adds to one is the difference between two counts.
 *
 *     reuseaddr, nodelay, keepalive, keepidle, keepintvl, keepcnt, user_timeout
 *                    setsockopt of that on a socket that is not guarded
 *     close          open, which is not hooked, and close
 *     connect PORT   socket, connect, close
 *     get PORT       a command to Redis and its reply
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *what;
    int level;
    int name;
} options[] = {
    {"reuseaddr", SOL_SOCKET, SO_REUSEADDR},         {"nodelay", IPPROTO_TCP, TCP_NODELAY},
    {"keepalive", SOL_SOCKET, SO_KEEPALIVE},         {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE},
    {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL},       {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT},
    {"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT},
};

static void die(const char *what)
{
    fprintf(stderr, "cost_loop: %s failed\n", what);
    exit(1);
}

static void set_options(long count, int level, int name)
{
    const int value = 9;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    for (long i = 0; i < count; i++)
        if (setsockopt(fd, level, name, &value, sizeof value) < 0)
            die("setsockopt");
}

static void close_others(long count)
{
    for (long i = 0; i < count; i++)
        if (close(open("/dev/null", O_RDONLY)) < 0)
            die("close");
}

static void connect_often(long count, int port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    for (long i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
            die("connect");
        close(fd);
    }
}

static void get(long count, int port)
{
    redisContext *context = redisConnect("127.0.0.1", port);
    if (context == NULL || context->err != 0)
        die("redisConnect");
    for (long i = 0; i < count; i++) {
        redisReply *reply = redisCommand(context, "GET key");
        if (reply == NULL || reply->type != REDIS_REPLY_NIL)
            die("GET");
        freeReplyObject(reply);
    }
    redisFree(context);
}

int main(int argc, char *argv[])
{
    long count = argc > 2 ? atol(argv[1]) : 0;
    const char *what = argc > 2 ? argv[2] : "";
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(what, options[i].what) == 0)
            set_options(count, options[i].level, options[i].name);
    if (strcmp(what, "close") == 0)
        close_others(count);
    if (strcmp(what, "connect") == 0 && argc > 3)
        connect_often(count, atoi(argv[3]));
    if (strcmp(what, "get") == 0 && argc > 3)
        get(count, atoi(argv[3]));
    return 0;
}
