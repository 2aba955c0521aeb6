/*
 * A machine with much on it: many connections to a server, and many processes.
 *
 *     tune_many PORT CONNECTIONS PROCESSES    opens them, says "ready", waits for a line
 *     tune_many churn PORT CONNECTIONS        opens and closes so many, four thousand at a time
 *
 * The server is a child that accepts and keeps whatever comes.
 */
#include "child_tools.h"

#include <sys/prctl.h>

enum { AT_A_TIME = 4000 };

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int listen_on(int port)
{
    struct sockaddr_in address = loopback(port);
    int listener = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), "reuse");
    checked(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    checked(listen(listener, AT_A_TIME), "listen");
    return listener;
}

/* Keeps what it accepts; with a peer that resets them, only until then. */
static void start_server(int port, bool keep)
{
    int listener = listen_on(port);
    if (checked(fork(), "fork") == 0) {
        end_with_parent();
        for (;;) {
            int connection = accept(listener, NULL, NULL);
            if (connection >= 0 && keep)
                send(connection, "", 1, MSG_NOSIGNAL);
            else if (connection >= 0)
                close(connection);
        }
    }
    close(listener);
}

static int connect_plainly(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
    return fd;
}

/* Until the server has accepted it: a queue that is full would forget it. */
static void connect_and_wait(int port)
{
    char byte;
    int fd = connect_plainly(port);
    checked((int)recv(fd, &byte, 1, 0), "recv");
}

static void start_process(void)
{
    if (checked(fork(), "fork") == 0) {
        end_with_parent();
        close_range(3, ~0U, 0);
        for (;;)
            pause();
    }
}

/* Without TIME-WAIT, which would use up the ports. */
static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static void churn(int port, int connections)
{
    static int fds[AT_A_TIME];
    start_server(port, false);
    for (int opened = 0; opened < connections; opened += AT_A_TIME) {
        for (int i = 0; i < AT_A_TIME; i++)
            fds[i] = connect_plainly(port);
        for (int i = 0; i < AT_A_TIME; i++)
            reset(fds[i]);
    }
    puts("churned");
}

int main(int argc, char *argv[])
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 4 && strcmp(argv[1], "churn") == 0) {
        churn(atoi(argv[2]), atoi(argv[3]));
    } else {
        for (int i = 0; i < atoi(argv[3]); i++)
            start_process();
        start_server(atoi(argv[1]), true);
        for (int i = 0; i < atoi(argv[2]); i++)
            connect_and_wait(atoi(argv[1]));
        puts("ready");
    }
    getchar();
    return 0;
}
