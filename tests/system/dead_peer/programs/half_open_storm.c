/*
 * half_open_storm PORT: sixteen threads wait in BLPOP until their connections die. At the next line
 * of standard input all connect again at once, on sockets that were made before, while another
 * thread forks as fast as it can. Each child looks for connections that are not the program's own:
 * those that the library makes. Prints how that went, and keeps the new connections.
 */
#include "child_tools.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { THREADS = 16, OWN = 200, FORKS_AT_LEAST = 20, HELD = 1 };

static int port;
static atomic_int dead, connected;
static atomic_bool may_go_on;

/* Not among the low numbers, and by system calls that no hook sees. */
static int own_socket(void)
{
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    int own = checked((int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, OWN), "fcntl");
    syscall(SYS_close, fd);
    return own;
}

static void wait_for_a_job(int fd)
{
    static const char command[] = "BLPOP queue 0\r\n";
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    checked(connect(fd, (struct sockaddr *)&peer, sizeof peer), "connect");
    checked((int)send(fd, command, sizeof command - 1, MSG_NOSIGNAL), "send");
}

static void *work(void *unused)
{
    char byte;
    int fd = own_socket();
    wait_for_a_job(fd);
    if (recv(fd, &byte, 1, 0) >= 0 || errno != ETIMEDOUT)
        die("recv");
    int next = own_socket();
    atomic_fetch_add(&dead, 1);
    while (!atomic_load(&may_go_on))
        usleep(100);
    close(fd);
    wait_for_a_job(next);
    atomic_fetch_add(&connected, 1);
    return unused;
}

static int look_around(void)
{
    for (int fd = 3; fd < OWN; fd++) {
        unsigned char state = TCP_CLOSE;
        socklen_t length = sizeof state;
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state != TCP_CLOSE)
            return HELD;
    }
    return 0;
}

/* A child may be forked between two system calls of the library, so that a few are none's fault. */
static void fork_meanwhile(void)
{
    int children = 0, held = 0, failed = 0;
    while (children < FORKS_AT_LEAST || atomic_load(&connected) < THREADS) {
        int status = 0;
        pid_t child = checked(fork(), "fork");
        if (child == 0) {
            alarm(20);
            _exit(look_around());
        }
        checked(waitpid(child, &status, 0), "waitpid");
        children++;
        held += WIFEXITED(status) && WEXITSTATUS(status) == HELD;
        failed += !WIFEXITED(status) || WEXITSTATUS(status) > HELD;
    }
    fprintf(stderr, "%d children, %d held a connection\n", children, held);
    printf("children that held a connection of the library: %s, that failed: %d\n",
           held * 20 > children ? "many" : "none", failed);
}

int main(int argc, char *argv[])
{
    char line[16];
    pthread_t threads[THREADS];
    if (argc != 2)
        return 2;
    port = atoi(argv[1]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    while (atomic_load(&dead) < THREADS)
        usleep(1000);
    puts("all are dead");
    if (fgets(line, sizeof line, stdin) == NULL)
        return 1;
    atomic_store(&may_go_on, true);
    fork_meanwhile();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    puts("connected");
    return fgets(line, sizeof line, stdin) == NULL ? 0 : 1;
}
