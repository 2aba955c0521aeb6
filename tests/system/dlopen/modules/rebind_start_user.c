/* A module that needs a library of the program's, modules/rebind_start.c. */
#include <stddef.h>
#include <sys/socket.h>

int set_from_start(int fd, int level, int name, const void *value, socklen_t length);
int set_through_user(void);

int set_through_user(void)
{
    return set_from_start(-1, 0, 0, NULL, 0);
}
