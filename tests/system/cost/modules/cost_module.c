/*
 * One of thirty modules: flags.mk builds each with a dependency of its own and one that the program
 * began with. Of the hooked functions it calls one, as many of a program's modules do.
 */
#include <stddef.h>
#include <sys/socket.h>

int cost_dependency(void);
int cost_of_start(void);
int cost_module(void);

int cost_module(void)
{
    return setsockopt(-1, 0, 0, NULL, 0) + cost_dependency() + cost_of_start();
}
