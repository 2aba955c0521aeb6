/*
 * child_blocking PORT: waits in BLPOP while children come, do what they like to the descriptor that
 * they have inherited, and go. Tells what the parent gets when somebody pushes.
 */
#include "child_tools.h"

enum { CHILDREN = 30 };

static void do_what_one_likes(int fd)
{
    signal(SIGPIPE, SIG_IGN);
    if (write(fd, "QUIT\r\n", 6) < 0 || shutdown(fd, SHUT_RDWR) < 0)
        _exit(0);
    close(fd);
    _exit(0);
}

int main(int argc, char *argv[])
{
    (void)argc;
    int sent = 0;
    redisReply *reply = NULL;
    redisContext *context = connect_to(argv[1]);
    redisAppendCommand(context, "BLPOP queue 0");
    while (!sent)
        redisBufferWrite(context, &sent);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0)
            do_what_one_likes(context->fd);
        wait_for(child);
    }
    dprintf(1, "children gone\n");
    if (redisGetReply(context, (void **)&reply) == REDIS_OK && reply->elements == 2)
        dprintf(1, "parent: got %s\n", reply->element[1]->str);
    else
        dprintf(1, "parent: lost its connection\n");
    return 0;
}
