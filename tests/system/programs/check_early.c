/*
 * Gets into trouble before the guard is asked, in its preinit function, as a library that it needs
 * might. Argument: "abort"; or "wait", for ever, after it has written its pid into the file that
 * the next argument names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void before_everything(int argc, char *argv[])
{
    if (argc < 2)
        return;
    if (strcmp(argv[1], "abort") == 0)
        abort();
    FILE *file = fopen(argv[2], "we");
    if (file == NULL)
        abort();
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
    for (;;)
        pause();
}

static void (*const before[])(int, char *[])
    __attribute__((used, section(".preinit_array"))) = {before_everything};

int main(void)
{
    return 0;
}
