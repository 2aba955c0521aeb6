/*
 * rebind_versions MODULE [plain]: uses version 1 of a library, loads a module that needs version 2,
 * and tells which each gets. RTLD_DEEPBIND keeps them apart; plain does without.
 */
#include <dlfcn.h>
#include <stdio.h>

int library_version(void);

int main(int argc, char *argv[])
{
    int (*version_in_module)(void);
    void *module = dlopen(argv[1], RTLD_NOW | (argc > 2 ? 0 : RTLD_DEEPBIND));
    if (module == NULL)
        return puts(dlerror()) < 0;
    *(void **)&version_in_module = dlsym(module, "version_in_module");
    printf("program %d, module %d\n", library_version(), version_in_module());
    return 0;
}
