/*
 * child_unseen PORT: connections and copies that are made where no hook sees them, and a child that
 * is. Tells which connections have keepalive, and what a child has of the others.
 */
#include "child_tools.h"
#include "scm_rights.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { HIGH = 2000, DESCRIPTORS = 4000 };

typedef int connect_function(int fd, const struct sockaddr *peer, socklen_t length);

extern connect_function __connect; // NOLINT(bugprone-reserved-identifier): glibc's own name

static struct sockaddr_in peer = {.sin_family = AF_INET};

static int new_socket(void)
{
    return checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
}

/* ---- connections ---- */

static void tell_connected(const char *how, int fd, ssize_t result)
{
    checked((int)result, how);
    printf("%s: keepalive %s\n", how, has_keepalive(fd) ? "on" : "off");
}

static void connect_unseen(void)
{
    const struct sockaddr *address = (const struct sockaddr *)&peer;
    int fd = new_socket();
    tell_connected("__connect", fd, __connect(fd, address, sizeof peer));
    fd = new_socket();
    tell_connected("MSG_FASTOPEN", fd, sendto(fd, "", 0, MSG_FASTOPEN, address, sizeof peer));
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    connect_function *function = NULL;
    *(void **)&function = dlsym(libc, "connect");
    fd = new_socket();
    tell_connected("dlsym", fd, function(fd, address, sizeof peer));
}

/* ---- copies ---- */

static int taken_from_oneself(int fd)
{
    int process = checked((int)syscall(SYS_pidfd_open, getpid(), 0), "pidfd_open");
    return checked((int)syscall(SYS_pidfd_getfd, process, fd, 0), "pidfd_getfd");
}

static int copied_high_before_connect(int port)
{
    int fd = new_socket();
    int copy = checked(dup2(fd, HIGH), "dup2");
    peer.sin_port = htons((uint16_t)port);
    checked(connect(fd, (struct sockaddr *)&peer, sizeof peer), "connect");
    return copy;
}

/* ---- children ---- */

static void tell_child(const char *how, int fd, uint64_t cookie)
{
    dprintf(STDOUT_FILENO, "%s: %s\n", how, cookie_of(fd) == cookie ? "shared" : "cut off");
}

int main(int argc, char *argv[])
{
    (void)argc;
    setvbuf(stdout, NULL, _IONBF, 0);
    const struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};
    checked(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
    int port = atoi(argv[1]);
    peer.sin_port = htons((uint16_t)port);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect_unseen();
    int fd = connect_socket(port, 0);
    uint64_t cookie = cookie_of(fd);
    int sent = checked(sent_to_oneself(fd), "SCM_RIGHTS");
    int taken = taken_from_oneself(fd);
    int high = copied_high_before_connect(port);
    uint64_t cookie_of_high = cookie_of(high);
    pid_t child = fork();
    if (child == 0) {
        tell_child("itself", fd, cookie);
        tell_child("SCM_RIGHTS", sent, cookie);
        tell_child("pidfd_getfd", taken, cookie);
        tell_child("copy above 1023", high, cookie_of_high);
        _exit(0);
    }
    wait_for(child);
    child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        tell_child("itself, after clone(2)", fd, cookie);
        _exit(0);
    }
    wait_for(child);
    return 0;
}
