/*
 * rebind_private MODULE [PORT]: has the module call what it knows as connect(), and tells whose
 * that is; with a port, tells as well whether the module's setsockopt() is guarded.
 */
#include "child_tools.h"

#include <dlfcn.h>

int main(int argc, char *argv[])
{
    int (*call_connect)(int wire);
    int (*call_setsockopt)(int fd, int level, int name, const void *value, unsigned length);
    void *module = dlopen(argv[1], RTLD_LAZY | RTLD_DEEPBIND);
    if (module == NULL)
        die(dlerror());
    *(void **)&call_connect = dlsym(module, "call_private_connect");
    printf("connect: %s\n", call_connect(-1) == 4241 ? "private" : "another");
    if (argc > 2) {
        int off = 0;
        int fd = connect_socket(atoi(argv[2]), 0);
        *(void **)&call_setsockopt = dlsym(module, "call_setsockopt");
        call_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
        printf("setsockopt: %s\n", has_keepalive(fd) ? "guarded" : "bypasses");
    }
    return 0;
}
