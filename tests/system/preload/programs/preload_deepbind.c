/*
 * preload_deepbind PORT MODULE: loads the module with RTLD_DEEPBIND, so that it bypasses whatever
 * is preloaded, has it connect and turn keepalive off, and tells how that went.
 */
#include "rebind_tools.h"

int main(int argc, char *argv[])
{
    (void)argc;
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct calls *calls = calls_of(dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND));
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    printf("connect: %s\n", result_of(calls->connect(fd, (struct sockaddr *)&peer, sizeof peer)));
    printf("keepalive: %s\n", setsockopt_is_guarded(calls, fd) ? "on" : "off");
    return 0;
}
