/*
 * child_reconnect PORT: the child uses the inherited hiredis context as if nothing had happened,
 * reconnects where it has to, and goes on.
 */
#include "child_tools.h"

static void use_inherited(redisContext *context, long long id_of_parent)
{
    redisReply *reply = redisCommand(context, "PING");
    dprintf(1, "child: %s\n", reply != NULL ? "answered" : context->errstr);
    if (reply == NULL && redisReconnect(context) != REDIS_OK)
        dprintf(1, "child: %s\n", context->errstr);
    dprintf(1, "child: keepalive %s\n", has_keepalive(context->fd) ? "on" : "off");
    dprintf(1, "child: %s\n", client_id(context) == id_of_parent ? "its parent's" : "its own");
}

int main(int argc, char *argv[])
{
    (void)argc;
    redisContext *context = connect_to(argv[1]);
    long long id = client_id(context);
    pid_t child = fork();
    if (child == 0) {
        use_inherited(context, id);
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
