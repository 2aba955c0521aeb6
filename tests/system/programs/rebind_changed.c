/*
 * rebind_changed MODULE: opens the module with RTLD_DEEPBIND and tells which functions are behind
 * the pointers that its constructor has set, and whether a forked child loses what its dup() made.
 */
#include "../modules/rebind_changed.h"
#include "child_tools.h"

#include <dlfcn.h>

int main(int argc, char *argv[])
{
    (void)argc;
    int fd = checked(open("/dev/null", O_RDONLY), "open");
    void *module = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);
    const struct changed *changed = module == NULL ? NULL : dlsym(module, "rebind_changed");
    if (changed == NULL)
        die(dlerror());
    int result = changed->close(fd);
    printf("close: %d, and the descriptor is %s\n", result,
           fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
    printf("add_4242: %d\n", changed->add_4242(1));
    printf("dup: %s\n", changed->dup == dup ? "the guard's" : "libc's");
    return 0;
}
