/*
 * Gets into trouble before the guard is asked, in its preinit function, as a library that it needs
 * might. Argument: "abort"; "wait", for ever, after it has written its pid into the file that the
 * next argument names; or "start", a process in a session of its own that waits in the same way.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* True in the parent, when the other has written. */
static bool start_another(const char *path)
{
    struct stat status;
    if (fork() == 0)
        return setsid() < 0;
    while (stat(path, &status) != 0 || status.st_size == 0)
        usleep(1000);
    return true;
}

static void before_everything(int argc, char *argv[])
{
    if (argc < 2)
        return;
    if (strcmp(argv[1], "abort") == 0)
        abort();
    if (strcmp(argv[1], "start") == 0 && start_another(argv[2]))
        return;
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
