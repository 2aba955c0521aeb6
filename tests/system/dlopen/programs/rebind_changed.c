/*
 * rebind_changed MODULE: opens the module with RTLD_DEEPBIND and tells which functions are behind
 * the pointers that its constructor has set, and behind one that it has not.
 */
#include "../modules/rebind_changed.h"
#include "child_tools.h"

#include <dlfcn.h>

static const struct changed *changed_of(void *module)
{
    const struct changed *changed = module == NULL ? NULL : dlsym(module, "rebind_changed");
    if (changed == NULL)
        die(dlerror());
    return changed;
}

int main(int argc, char *argv[])
{
    (void)argc;
    int fd = checked(open("/dev/null", O_RDONLY), "open");
    const struct changed *changed = changed_of(dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND));
    int result = changed->close(fd);
    printf("close: %d, and the descriptor is %s\n", result,
           fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
    printf("add_4242: %d\n", changed->add_4242(1));
    printf("none: %s\n", changed->none == NULL ? "NULL" : "a function");
    printf("dup: %s\n", changed->dup == dup ? "the guard's" : "libc's");
    return 0;
}
