/*
 * child_atfork PORT: the program's own pthread_atfork handler closes the inherited connection in
 * the child and opens a new one, which gets the same number. Tells whether the child can use it.
 */
#include "child_tools.h"

#include <pthread.h>

static redisContext *context;
static const char *port;

static void reconnect(void)
{
    int number = context->fd;
    redisFree(context);
    context = connect_to(port);
    if (context->fd != number)
        dprintf(1, "child: another number\n");
}

int main(int argc, char *argv[])
{
    (void)argc;
    port = argv[1];
    context = connect_to(port);
    long long id = client_id(context);
    pthread_atfork(NULL, NULL, reconnect);
    pid_t child = fork();
    if (child == 0) {
        long long own = client_id(context);
        dprintf(1, "child: %s\n", own < 0 ? "lost" : own == id ? "its parent's" : "its own");
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
