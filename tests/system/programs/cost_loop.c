/*
 * cost_loop COUNT WHAT [PORT]: makes one call so many times, to be counted from outside, by strace
 * or callgrind: what the guard adds to one is the difference between two counts.
 *
 *     reuseaddr, nodelay, keepalive, keepidle, keepintvl, keepcnt, user_timeout
 *                    setsockopt of that on a socket that is not guarded
 *     connect PORT   socket, connect, close; the address is not on the stack
 *     near-connect PORT
 *                    the same, with the address on the page of the stack where connect runs
 *     get PORT       a command to Redis and its reply
 */
#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
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

static void connect_to(long count, int port, struct sockaddr_in *address)
{
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)port);
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (long i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)address, sizeof *address) < 0)
            die("connect");
        close(fd);
    }
}

static void connect_from_far(long count, int port)
{
    static struct sockaddr_in address;
    connect_to(count, port, &address);
}

/* In the middle of a page: the frames of what is called from here are below, on the same one. */
static void connect_from_near(long count, int port)
{
    enum { PAGE = 4096, MIDDLE = PAGE / 2 };
    size_t above_a_middle = ((uintptr_t)__builtin_frame_address(0) - MIDDLE) % PAGE;
    struct sockaddr_in room[above_a_middle / sizeof(struct sockaddr_in) + 1];
    room[0] = (struct sockaddr_in){0};
    connect_to(count, port, &room[0]);
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
    if (strcmp(what, "connect") == 0 && argc > 3)
        connect_from_far(count, atoi(argv[3]));
    if (strcmp(what, "near-connect") == 0 && argc > 3)
        connect_from_near(count, atoi(argv[3]));
    if (strcmp(what, "get") == 0 && argc > 3)
        get(count, atoi(argv[3]));
    return 0;
}
