/*
 * rebind_maps MODULE: loads the module with RTLD_DEEPBIND and prints how its pages are protected,
 * one line for each stretch; then has it call a function that it has not called before, which
 * writes a GOT entry where it binds lazily.
 */
#include "rebind_tools.h"

/* The kernel may or may not merge neighbours that are alike; here they always are. */
static void print_protection(const char *module)
{
    char line[4096], before[8] = "", protection[8];
    unsigned long start, end, length = 0, expected = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, module) == NULL ||
            sscanf(line, "%lx-%lx %7s", &start, &end, protection) != 3)
            continue;
        if (length > 0 && (strcmp(before, protection) != 0 || start != expected)) {
            printf("%s %lu\n", before, length);
            length = 0;
        }
        strcpy(before, protection);
        length += end - start;
        expected = end;
    }
    printf("%s %lu\n", before, length);
}

int main(int argc, char *argv[])
{
    (void)argc;
    const struct calls *calls = calls_of(dlopen(argv[1], RTLD_LAZY | RTLD_DEEPBIND));
    print_protection(argv[1]);
    puts(calls->getppid() == getppid() ? "called" : "another parent");
    return 0;
}
