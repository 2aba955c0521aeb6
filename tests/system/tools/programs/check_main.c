/*
 * Leaves a trace when its main runs: makes the file that its argument names, and prints whether the
 * guard is loaded. Built in several ways by check.c. With GO it has the note that Go's linker
 * leaves in every program: a build id, its owner "Go".
 */
#define REDISGUARD_WEAK
#include "redisguard.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#ifdef GO
static const struct {
    int name_length, id_length, type;
    char name[4], id[4];
} note __attribute__((used, aligned(4), section(".note.go.buildid,\"a\",@note#"))) = {
    4, 4, 4, "Go\0", "id/"};
#endif

int main(int argc, char *argv[])
{
    if (argc > 1)
        close(open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    puts(redisguard_version != NULL ? "guarded" : "unguarded");
    return 0;
}
