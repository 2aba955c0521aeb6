/*
 * child_again PORT FILE: the child closes whatever it has inherited, gives the numbers to
 * connections of its own and then to files, and forks. Tells whether the grandchild has the files.
 */
#include "child_tools.h"

enum { CONNECTIONS = 4 };

static void connect_at(const int numbers[], const char *port)
{
    checked(close_range(3, ~0U, 0), "close_range");
    for (int i = 0; i < CONNECTIONS; i++)
        if (connect_socket(atoi(port), 0) != numbers[i])
            die("a number was not given out again");
}

static void open_files_at(const int numbers[], const char *path)
{
    checked(close_range(3, ~0U, 0), "close_range");
    for (int i = 0; i < CONNECTIONS; i++)
        if (open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) != numbers[i])
            die("a number was not given out again");
}

int main(int argc, char *argv[])
{
    (void)argc;
    int numbers[CONNECTIONS];
    checked(close_range(3, ~0U, 0), "close_range");
    for (int i = 0; i < CONNECTIONS; i++)
        numbers[i] = connect_socket(atoi(argv[1]), 0);
    pid_t child = fork();
    if (child == 0) {
        connect_at(numbers, argv[1]);
        open_files_at(numbers, argv[2]);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            for (int i = 0; i < CONNECTIONS; i++)
                dprintf(1, "%s\n", result_of(write(numbers[i], "x", 1)));
            _exit(0);
        }
        wait_for(grandchild);
        _exit(0);
    }
    wait_for(child);
    return 0;
}
