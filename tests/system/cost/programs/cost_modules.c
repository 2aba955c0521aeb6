/* cost_modules MODULE...: opens them with RTLD_DEEPBIND, one by one. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++)
        if (dlopen(argv[i], RTLD_LAZY | RTLD_DEEPBIND) == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
    return 0;
}
