/*
 * rebind_private MODULE PORT [FIRST]: has the module call what it knows as connect(), and tells
 * whose that is; tells as well, with a port other than 0, whether the module's setsockopt() is
 * guarded. FIRST is another module, loaded before it and as usual.
 */
#include "child_tools.h"

#include <dlfcn.h>

int main(int argc, char *argv[])
{
    int (*call_connect)(int wire);
    int (*call_setsockopt)(int fd, int level, int name, const void *value, unsigned length);
    if (argc > 3 && dlopen(argv[3], RTLD_LAZY) == NULL)
        die(dlerror());
    void *module = dlopen(argv[1], RTLD_LAZY | RTLD_DEEPBIND);
    if (module == NULL)
        die(dlerror());
    *(void **)&call_connect = dlsym(module, "call_private_connect");
    printf("connect: %s\n", call_connect(-1) == 4241 ? "private" : "another");
    if (atoi(argv[2]) != 0) {
        int off = 0;
        int fd = connect_socket(atoi(argv[2]), 0);
        *(void **)&call_setsockopt = dlsym(module, "call_setsockopt");
        call_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
        printf("setsockopt: %s\n", has_keepalive(fd) ? "guarded" : "bypasses");
    }
    return 0;
}
