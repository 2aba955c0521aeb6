/*
 * notify.c: tells the service manager, as sd_notify(3) does: a datagram to NOTIFY_SOCKET. Without
 * that variable nobody is told.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tune/round.h"

static int manager = -1;

/* At the start, since a round may enter other network namespaces: abstract names belong to one. */
void notify_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path != NULL ? strlen(path) : 0;
    if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    length += offsetof(struct sockaddr_un, sun_path);
    if (manager >= 0 &&
        connect(manager, (const struct sockaddr *)&address, (socklen_t)length) != 0) {
        close(manager);
        manager = -1;
    }
}

/* A manager that is gone is not told again. */
void notify(const char *state)
{
    if (manager >= 0 && send(manager, state, strlen(state), MSG_NOSIGNAL) < 0)
        manager = -1;
}
