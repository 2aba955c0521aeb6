/*
 * rebind_start MODULE [OTHER]: has a setsockopt() of its own, which a library that it began with
 * calls. Opens a module with RTLD_DEEPBIND that needs this library, after it has opened and closed
 * another one, given by its path, many times; then tells whose setsockopt() the library calls.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMES = 50, OWN_RESULT = 4243 };

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    (void)fd, (void)level, (void)name, (void)value, (void)length;
    return OWN_RESULT;
}

int main(int argc, char *argv[])
{
    int (*set_through_user)(void);
    for (int i = 0; i < TIMES && argc > 2; i++)
        dlclose(dlopen(argv[2], RTLD_LAZY));
    void *module = dlopen(argv[1], RTLD_LAZY | RTLD_DEEPBIND);
    close(dup(1)); /* the deferred rebind */
    if (module == NULL) {
        puts(dlerror());
        return 1;
    }
    *(void **)&set_through_user = dlsym(module, "set_through_user");
    printf("setsockopt: %s\n", set_through_user() == OWN_RESULT ? "the program's" : "another");
    return 0;
}
