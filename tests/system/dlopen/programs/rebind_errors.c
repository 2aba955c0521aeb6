/*
 * rebind_errors FILE: loads a module by its bare name with RTLD_DEEPBIND, asks for a symbol that it
 * lacks, calls something that the guard hooks, and only then asks dlerror() what was wrong.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
    (void)argc;
    void *module = dlopen(argv[1], RTLD_LAZY | RTLD_DEEPBIND);
    if (module == NULL || dlsym(module, "no_such_symbol") != NULL)
        return 1;
    fcntl(0, F_GETFD);
    const char *error = dlerror();
    puts(error != NULL ? error : "no error");
    return 0;
}
