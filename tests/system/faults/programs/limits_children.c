/*
 * limits_children PORT COUNT: a master with a connection and that many children at once. Each
 * child looks at the connection, makes one of its own, and stays until all the others have done so.
 */
#include "child_tools.h"

enum { SHARED = 's', CUT_OFF = 'c', NO_ANSWER = 'n' };

static bool answers(int fd)
{
    char reply[16];
    return write(fd, "PING\r\n", 6) == 6 && read(fd, reply, sizeof reply) == 7;
}

static char look_at(int inherited, uint64_t cookie, int port)
{
    if (cookie_of(inherited) == cookie)
        return SHARED;
    return answers(connect_socket(port, 0)) ? CUT_OFF : NO_ANSWER;
}

static _Noreturn void be_a_child(char found, int report, int released)
{
    char byte;
    if (write(report, &found, 1) != 1 || read(released, &byte, 1) != 0)
        _exit(1);
    _exit(0);
}

static void tell(int count, int reports)
{
    int shared = 0, cut_off = 0, other = 0;
    char found;
    for (int i = 0; i < count; i++) {
        if (read(reports, &found, 1) != 1)
            die("read");
        shared += found == SHARED;
        cut_off += found == CUT_OFF;
        other += found == NO_ANSWER;
    }
    dprintf(1, "children: %d shared, %d cut off, %d without an answer\n", shared, cut_off, other);
}

int main(int argc, char *argv[])
{
    (void)argc;
    int reports[2], release[2];
    int count = atoi(argv[2]);
    redisContext *context = connect_to(argv[1]);
    uint64_t cookie = cookie_of(context->fd);
    long long id = client_id(context);
    checked(pipe(reports), "pipe");
    checked(pipe(release), "pipe");
    for (int i = 0; i < count; i++) {
        pid_t child = checked(fork(), "fork");
        if (child > 0)
            continue;
        close(release[1]);
        be_a_child(look_at(context->fd, cookie, atoi(argv[1])), reports[1], release[0]);
    }
    tell(count, reports[0]);
    dprintf(1, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    close(release[1]);
    for (int i = 0; i < count; i++)
        checked(wait(NULL), "wait");
    return 0;
}
