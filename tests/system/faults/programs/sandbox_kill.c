/*
 * sandbox_kill PORT MODE CALL...: uses Redis in a sandbox where every system call ends the process
 * but those that are named. MODE is what it does there, beside connecting: connect (nothing else),
 * unix=PATH (connects to that), copy, fork, close or replace (a connection that was silent for a
 * second, by dup2), dead (closes one whose peer stopped answering, and connects again), or
 * exec=COMMAND (becomes that, connects nothing itself). Tells how that went, and from outside
 * whether the socket has keepalive.
 */
#include "sandbox_filter.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>

enum { HIGH = 2000, DESCRIPTORS = 4000, OTHER = 200, CALLS_AT_MOST = 100, QUIET_MS = 1100 };

#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name                                                                          \
    }

static const struct {
    const char *name;
    long number;
} known[] = {
    CALL(access),
    CALL(arch_prctl),
    CALL(bind),
    CALL(brk),
    CALL(clock_gettime),
    CALL(clone),
    CALL(close),
    CALL(connect),
    CALL(dup),
    CALL(dup2),
    CALL(dup3),
    CALL(execve),
    CALL(exit_group),
    CALL(fcntl),
    CALL(fstat),
    CALL(fstatfs),
    CALL(geteuid),
    CALL(getpeername),
    CALL(getegid),
    CALL(getgid),
    CALL(getuid),
    CALL(rt_sigaction),
    CALL(lseek),
    CALL(getpid),
    CALL(getppid),
    CALL(getrandom),
    CALL(faccessat),
    CALL(getsockname),
    CALL(getsockopt),
    CALL(ioctl),
    CALL(mmap),
    CALL(mprotect),
    CALL(munmap),
    CALL(newfstatat),
    CALL(openat),
    CALL(poll),
    CALL(ppoll),
    CALL(pread64),
    CALL(prlimit64),
    CALL(read),
    CALL(readlinkat),
    CALL(recvfrom),
    CALL(rseq),
    CALL(rt_sigpending),
    CALL(rt_sigprocmask),
    CALL(rt_sigtimedwait),
    CALL(sendto),
    CALL(set_robust_list),
    CALL(set_tid_address),
    CALL(setsockopt),
    CALL(shutdown),
    CALL(socket),
    CALL(socketpair),
    CALL(vfork),
    CALL(wait4),
    CALL(write),
};

static long number_of(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].number;
    die(name);
}

static void enter(char *const names[])
{
    long numbers[CALLS_AT_MOST];
    int count = 0;
    for (; count < CALLS_AT_MOST && names[count] != NULL; count++)
        numbers[count] = number_of(names[count]);
    kill_unless(numbers, count);
}

/* ---- in the sandbox ---- */

static int connect_to_port(int fd, int port)
{
    static struct sockaddr_in in;
    in = (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (struct sockaddr *)&in, sizeof in);
}

static int connect_to_path(int fd, const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strncpy(un.sun_path, path, sizeof un.sun_path - 1);
    return connect(fd, (struct sockaddr *)&un, sizeof un);
}

/* As posix_spawn(3) does, in the memory of its parent. */
static int copy_in_vfork(int fd)
{
    pid_t child = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): it is in use
    if (child == 0)
        _exit(dup2(fd, OTHER) == OTHER ? 0 : 1); // NOLINT(clang-analyzer-unix.Vfork): as there
    int status = 0;
    return wait4(child, &status, 0, NULL) == child && status == 0 ? 0 : -1;
}

/* 0 where the child is cut off: it reads the end, or there is nothing to read from. */
static int fork_and_read(int fd)
{
    char byte;
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == EBADF ? 0 : 1);
    return wait4(child, &status, 0, NULL) == child && status == 0 ? 0 : -1;
}

/* The kernel tells how long the last acknowledgement is ago; the library asks it in close. */
static int connect_and_wait(int fd, int port)
{
    int result = connect_to_port(fd, port);
    poll(NULL, 0, QUIET_MS);
    return result;
}

/* The outside sees to its death. */
static int outlive(int fd, int port)
{
    char byte;
    if (connect_to_port(fd, port) != 0 || recv(fd, &byte, 1, 0) >= 0 || errno != ETIMEDOUT)
        return -1;
    close(fd);
    return connect_to_port(socket(AF_INET, SOCK_STREAM, 0), port);
}

static int act(int fd, int port, const char *mode)
{
    if (strcmp(mode, "close") == 0)
        return connect_and_wait(fd, port) == 0 ? close(fd) : -1;
    if (strcmp(mode, "replace") == 0)
        return connect_and_wait(fd, port) == 0 && dup2(STDIN_FILENO, fd) == fd ? 0 : -1;
    if (strcmp(mode, "dead") == 0)
        return outlive(fd, port);
    if (strncmp(mode, "unix=", 5) == 0)
        return connect_to_path(fd, mode + 5);
    if (strncmp(mode, "exec=", 5) == 0)
        return execl("/bin/sh", "sh", "-c", mode + 5, NULL);
    int result = connect_to_port(fd, port);
    if (result == 0 && strcmp(mode, "copy") == 0)
        result = dup(fd) >= 0 && dup2(fd, HIGH) == HIGH ? copy_in_vfork(fd) : -1;
    if (result == 0 && strcmp(mode, "fork") == 0)
        result = fork_and_read(fd);
    return result;
}

/* ---- outside ---- */

static void set_tcp(int fd, int name, int value)
{
    checked(setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value), "setsockopt");
}

static bool is_established(int fd)
{
    unsigned char state = 0;
    socklen_t length = sizeof state;
    checked(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length), "TCP_INFO");
    return state == TCP_ESTABLISHED;
}

/* Once it is connected: nothing that its peer sends reaches it any more, so that it dies within two
 * seconds; the peer knows nothing of it. */
static void silence(int fd, pid_t child)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog filter = {.len = 1, .filter = &nothing};
    int on = 1;
    siginfo_t info = {.si_pid = 0};
    while (!is_established(fd)) {
        waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid == child)
            return;
        usleep(1000);
    }
    checked(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter), "a filter");
    set_tcp(fd, TCP_KEEPIDLE, 1);
    set_tcp(fd, TCP_KEEPINTVL, 1);
    set_tcp(fd, TCP_USER_TIMEOUT, 1000);
    checked(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), "SO_KEEPALIVE");
}

static void tell(int status, int fd)
{
    int on = 0;
    socklen_t length = sizeof on;
    checked(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length), "SO_KEEPALIVE");
    if (WIFSIGNALED(status))
        dprintf(1, "killed by %s\n", strsignal(WTERMSIG(status)));
    else
        dprintf(1, "status %d, keepalive %s\n", WEXITSTATUS(status), on ? "on" : "off");
}

int main(int argc, char *argv[])
{
    (void)argc;
    const char *mode = argv[2];
    const struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};
    checked(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
    bool is_unix = strncmp(mode, "unix=", 5) == 0;
    int fd = checked(socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM, 0), "socket");
    pid_t child = fork();
    if (child == 0) {
        enter(argv + 3);
        _exit(act(fd, atoi(argv[1]), mode) == 0 ? 0 : 1);
    }
    if (strcmp(mode, "dead") == 0)
        silence(fd, child);
    int status = 0;
    checked(waitpid(child, &status, 0), "waitpid");
    tell(status, fd);
    return 0;
}
