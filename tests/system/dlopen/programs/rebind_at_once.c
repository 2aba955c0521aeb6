/*
 * rebind_at_once PORT MODULE WHO: opens the module, by its bare name, with RTLD_DEEPBIND, the
 * program or a library, modules/rebind_opener.c, calling dlopen(); then the module at once calls
 * setsockopt(), before the program has called anything that the guard hooks. Tells whether the
 * guard noticed.
 */
#include "rebind_tools.h"

void *open_from_library(const char *file, int mode);

int main(int argc, char *argv[])
{
    (void)argc;
    const int mode = RTLD_NOW | RTLD_DEEPBIND;
    bool by_program = strcmp(argv[3], "program") == 0;
    int fd = connect_socket(atoi(argv[1]), 0);
    void *module = by_program ? dlopen(argv[2], mode) : open_from_library(argv[2], mode);
    printf("setsockopt: %s\n",
           setsockopt_is_guarded(calls_of(module), fd) ? "guarded" : "bypasses");
    return 0;
}
