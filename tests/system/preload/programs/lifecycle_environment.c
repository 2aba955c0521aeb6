/*
 * lifecycle_environment HOW PORT: a program that does away with its environment (clearenv, null or
 * overwrite: its memory, as servers do that set their process title) or with its descriptors
 * (close, and takes the free numbers for a file of its own, FILE), then connects, forks, and starts
 * a command. Prints what became of each; after close, into the file.
 */
#include "child_tools.h"

#include <netinet/tcp.h>

static int results = 1;

static void overwrite(char *argv[])
{
    char *start = argv[0];
    char *end = start;
    for (char **entry = environ; *entry != NULL; entry++)
        end = *entry + strlen(*entry);
    memset(start, 'x', (size_t)(end - start));
}

static void close_everything(const char *file)
{
    closefrom(0);
    for (int number = 0; number < 3; number++)
        results = checked(open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600), "open");
}

static void do_away(const char *how, char *argv[])
{
    if (strcmp(how, "clearenv") == 0)
        clearenv();
    else if (strcmp(how, "null") == 0)
        environ = NULL;
    else if (strcmp(how, "overwrite") == 0)
        overwrite(argv);
    else if (strcmp(how, "close") == 0)
        close_everything(argv[3]);
}

static int keepidle_of(int fd)
{
    int seconds = 0;
    socklen_t length = sizeof seconds;
    checked(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, &length), "getsockopt");
    return has_keepalive(fd) ? seconds : 0;
}

static void look_from_a_child(int fd)
{
    uint64_t cookie = cookie_of(fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(results, "child: %s\n", what_is_at(fd, cookie));
        _exit(0);
    }
    wait_for(child);
}

static void start_a_command(void)
{
    pid_t child = fork();
    if (child == 0) {
        dup2(results, 1);
        execl("/bin/echo", "echo", "command: ran", (char *)NULL);
        _exit(127);
    }
    wait_for(child);
}

int main(int argc, char *argv[])
{
    char how[16];
    int port = argc > 2 ? atoi(argv[2]) : 0;
    snprintf(how, sizeof how, "%s", argv[1]);
    do_away(how, argv);
    int fd = connect_socket(port, 0);
    dprintf(results, "keepalive after %d s\n", keepidle_of(fd));
    look_from_a_child(fd);
    start_a_command();
    return 0;
}
