/*
 * child_atfork PORT late|early fork|daemon|first: the program's own pthread_atfork handler closes
 * the inherited connection in the child and opens a new one, which gets the same number. Tells
 * whether the child can use it, and what a copy is that the handler made of the inherited one.
 * first: the parent connects to nothing. early: the handler is registered before any constructor
 * has run.
 */
#include "child_tools.h"

#include <pthread.h>

static redisContext *context;
static uint64_t cookie;
static int copy;
static const char *port;

static void reconnect(void)
{
    int number = context == NULL ? -1 : context->fd;
    copy = dup(number);
    redisFree(context);
    context = connect_to(port);
    if (number >= 0 && context->fd != number)
        dprintf(1, "child: another number\n");
}

static void register_early(int argc, char *argv[])
{
    if (argc > 2 && strcmp(argv[2], "early") == 0)
        pthread_atfork(NULL, NULL, reconnect);
}

/* The loader calls it before any library's constructor. */
__attribute__((section(".preinit_array"),
               used)) static void (*const first)(int, char *[]) = register_early;

static void tell(long long inherited)
{
    long long own = client_id(context);
    dprintf(1, "child: %s\n", own < 0 ? "lost" : own == inherited ? "its parent's" : "its own");
    dprintf(1, "copy: %s\n", what_is_at(copy, cookie));
}

int main(int argc, char *argv[])
{
    (void)argc;
    port = argv[1];
    long long id = -1;
    if (strcmp(argv[3], "first") != 0) {
        context = connect_to(port);
        cookie = cookie_of(context->fd);
        id = client_id(context);
    }
    if (strcmp(argv[2], "late") == 0)
        pthread_atfork(NULL, NULL, reconnect);
    if (strcmp(argv[3], "daemon") == 0) {
        checked(daemon(1, 1), "daemon");
        tell(id);
        return 0;
    }
    pid_t child = fork();
    if (child == 0) {
        tell(id);
        _exit(0);
    }
    wait_for(child);
    if (context == NULL)
        return 0;
    dprintf(1, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
