/*
 * threads_hooks FORKS MODULE: one thread for each hooked function calls nothing else, another sits
 * in a connect() that does not return, and the main thread forks. Each child calls every hook in
 * its turn, and must not wait there for a thread that it does not have. Tells how the children
 * ended. To be run with every port guarded.
 */
#include "child_tools.h"

#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { ONTO = 100, PATIENCE_SECONDS = 20 };

static int connection;
static struct sockaddr_in full, open_for_all;
static const char *module;
static atomic_bool enough;
static atomic_int inside; /* hooks that have been called at least once */

/* ---- one hook each ---- */

static void call_connect(void)
{
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    (void)connect(fd, (struct sockaddr *)&full, sizeof full);
    close(fd);
}

static void call_setsockopt(void)
{
    int off = 0;
    checked(setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off), "setsockopt");
}

static void call_getsockopt(void)
{
    int error = 0;
    socklen_t length = sizeof error;
    checked(getsockopt(connection, SOL_SOCKET, SO_ERROR, &error, &length), "getsockopt");
}

/* Of a connection, and of what is none. */
static void call_close(void)
{
    checked(close(connect_socket(ntohs(open_for_all.sin_port), SOCK_NONBLOCK | SOCK_CLOEXEC)),
            "close");
    checked(close(checked(open("/dev/null", O_RDONLY | O_CLOEXEC), "open")), "close");
}

static void call_dup(void)
{
    close(checked(dup(connection), "dup"));
}

static void call_dup2(void)
{
    checked(dup2(connection, ONTO), "dup2");
}

static void call_dup3(void)
{
    checked(dup3(connection, ONTO + 1, O_CLOEXEC), "dup3");
}

static void call_fcntl(void)
{
    close(checked(fcntl(connection, F_DUPFD_CLOEXEC, 0), "fcntl"));
}

static void call_fcntl64(void)
{
    close(checked(fcntl64(connection, F_DUPFD, 0), "fcntl64"));
}

/* ThreadSanitizer does not know of _Fork(), and takes no module with RTLD_DEEPBIND. */
#ifdef UNDER_TSAN
#define OTHER_FORK fork
enum { MODE = RTLD_LAZY };
#else
#define OTHER_FORK _Fork
enum { MODE = RTLD_LAZY | RTLD_DEEPBIND };
#endif

static void wait_for_a_child_of(pid_t (*how)(void))
{
    int status = 0;
    pid_t child = checked(how(), "fork");
    if (child == 0)
        _exit(0);
    if (waitpid(child, &status, 0) != child || status != 0)
        die("a child of a child");
}

static void call_fork(void)
{
    wait_for_a_child_of(fork);
}

static void call__Fork(void)
{
    wait_for_a_child_of(OTHER_FORK);
}

static void call_daemon(void)
{
    pid_t child = checked(fork(), "fork");
    if (child == 0)
        _exit(daemon(1, 1) == 0 ? 0 : 1);
    waitpid(child, NULL, 0);
}

static void call_dlopen(void)
{
    void *handle = dlopen(module, MODE);
    if (handle == NULL)
        die(dlerror());
    dlclose(handle);
}

/* In the child of _Fork() only what is async-signal-safe may be called, which fork() is not; and
 * dlopen() may wait for the loader's locks in any child. */
static void (*const hooks[])(void) = {
    call_connect, call_setsockopt, call_getsockopt, call_close, call_dup,    call_dup2,  call_dup3,
    call_fcntl,   call_fcntl64,    call__Fork,      call_fork,  call_daemon, call_dlopen};

enum {
    HOOKS = sizeof hooks / sizeof hooks[0],
    AFTER_FORK = HOOKS - 1,
    AFTER__FORK = HOOKS - 3,
};

static void *call_again_and_again(void *hook)
{
    void (*call)(void) = *(void (*const *)(void))hook;
    call();
    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&enough))
        call();
    return NULL;
}

/* Interrupted by nothing: it ends with the program. */
static void *sit_in_connect(void *unused)
{
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    (void)connect(fd, (struct sockaddr *)&full, sizeof full);
    return unused;
}

/* ---- two servers of its own: one that accepts, one whose queue is full ---- */

static int listen_at(struct sockaddr_in *address, int backlog)
{
    socklen_t length = sizeof *address;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(bind(fd, (struct sockaddr *)&any, sizeof any), "bind");
    checked(listen(fd, backlog), "listen");
    checked(getsockname(fd, (struct sockaddr *)address, &length), "getsockname");
    return fd;
}

static void prepare(void)
{
    listen_at(&open_for_all, 16);
    struct pollfd queue = {.fd = listen_at(&full, 0), .events = POLLIN};
    connect_socket(ntohs(full.sin_port), SOCK_CLOEXEC);
    checked(poll(&queue, 1, PATIENCE_SECONDS * 1000), "poll");
    connection = connect_socket(ntohs(open_for_all.sin_port), SOCK_CLOEXEC);
}

/* ---- the children ---- */

static _Noreturn void be_a_child(uint64_t cookie, int permitted)
{
    alarm(PATIENCE_SECONDS);
    if (cookie_of(connection) == cookie || cookie_of(ONTO) == cookie)
        _exit(1);
    /* The inherited one is a dead socket by now, and no TCP. */
    connection = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    for (int i = 0; i < permitted; i++)
        hooks[i]();
    _exit(0);
}

struct count {
    int shared, hung, well, other;
};

static void count_child(struct count *count, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        count->hung++;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
        count->shared++;
    else if (status == 0)
        count->well++;
    else
        count->other++;
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    int forks = atoi(argv[1]);
    struct count count = {0};
    pthread_t threads[HOOKS], sitting;
    module = argv[2];
    prepare();
    pthread_create(&sitting, NULL, sit_in_connect, NULL);
    for (int i = 0; i < HOOKS; i++)
        pthread_create(&threads[i], NULL, call_again_and_again, (void *)&hooks[i]);
    while (atomic_load(&inside) < HOOKS)
        usleep(100);
    uint64_t cookie = cookie_of(connection);
    for (int i = 0; i < forks; i++) {
        int status = 0;
        bool plain = i % 2 == 0;
        pid_t child = checked(plain ? fork() : OTHER_FORK(), "fork");
        if (child == 0)
            be_a_child(cookie, plain ? AFTER_FORK : AFTER__FORK);
        checked(waitpid(child, &status, 0), "waitpid");
        count_child(&count, status);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < HOOKS; i++)
        pthread_join(threads[i], NULL);
    printf("children: %d went on, %d shared the connection, %d hung, %d failed\n", count.well,
           count.shared, count.hung, count.other);
    return 0;
}
