/*
 * preload_fsync: tells what fsync(2) says of a pipe, on which it is an error: 0 means that
 * libeatmydata has answered and no kernel was asked.
 */
#include "child_tools.h"

int main(void)
{
    int ends[2];
    checked(pipe(ends), "pipe");
    printf("fsync of a pipe: %s\n", result_of(fsync(ends[0])));
    return 0;
}
