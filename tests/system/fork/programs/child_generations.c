/*
 * child_generations PORT: three generations of processes. Each opens a Redis connection of its own
 * and copies its descriptor; each child tells what it finds at the numbers that it has inherited.
 */
#include "child_tools.h"

enum { GENERATIONS = 3 };

struct connection {
    redisContext *context;
    int copy;
    uint64_t cookie;
    long long id;
};

static struct connection connections[GENERATIONS];

static void tell_of_inherited(int generation)
{
    for (int i = 0; i < generation; i++) {
        const struct connection *theirs = &connections[i];
        dprintf(1, "generation %d at the connection of %d: %s\n", generation, i,
                what_is_at(theirs->context->fd, theirs->cookie));
        dprintf(1, "generation %d at the copy of %d: %s\n", generation, i,
                what_is_at(theirs->copy, theirs->cookie));
    }
}

static void connect_generation(int generation, const char *port)
{
    struct connection *mine = &connections[generation];
    mine->context = connect_to(port);
    mine->copy = dup(mine->context->fd);
    mine->cookie = cookie_of(mine->context->fd);
    mine->id = client_id(mine->context);
    dprintf(1, "generation %d: keepalive %s\n", generation,
            has_keepalive(mine->context->fd) ? "on" : "off");
}

/* Each process leaves the loop at its own generation, its child goes on to the next. */
int main(int argc, char *argv[])
{
    (void)argc;
    int generation = 0;
    connect_generation(generation, argv[1]);
    while (generation + 1 < GENERATIONS) {
        pid_t child = fork();
        if (child != 0) {
            wait_for(child);
            break;
        }
        generation++;
        tell_of_inherited(generation);
        connect_generation(generation, argv[1]);
    }
    const struct connection *mine = &connections[generation];
    dprintf(1, "generation %d: %s\n", generation,
            client_id(mine->context) == mine->id ? "same client" : "lost");
    return 0;
}
