/*
 * child_numbers PORT FOREIGN_PORT FILE: closes Redis connections by ways that a preload does not
 * see, has their numbers given to other things, forks, and tells whether the child still has each
 * of them. FOREIGN_PORT is another server's, which the guard has nothing to do with.
 */
#include "child_tools.h"

#include <sys/syscall.h>

static const char *port, *foreign_port;

/* One connection after another to the same number: each way to close frees it for the next. */
static int fresh_connection(void)
{
    return connect_socket(atoi(port), 0);
}

static int freed_by_system_call(void)
{
    int fd = fresh_connection();
    checked((int)syscall(SYS_close, fd), "close");
    return fd;
}

static int freed_by_fclose(void)
{
    int fd = fresh_connection();
    FILE *stream = fdopen(fd, "r+");
    if (stream == NULL || fclose(stream) != 0)
        die("fclose");
    return fd;
}

static int freed_by_close_range(void)
{
    int fd = fresh_connection();
    checked(close_range((unsigned)fd, (unsigned)fd, 0), "close_range");
    return fd;
}

static int taken_over(int fd, int expected)
{
    if (checked(fd, "open") != expected) {
        dprintf(1, "%d was not given out again\n", expected);
        _exit(1);
    }
    return fd;
}

struct scene {
    int file, listener, foreign, replaced, released;
    int pipe[2];
    uint64_t listener_cookie, foreign_cookie, released_cookie;
};

static int listen_somewhere(void)
{
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    checked(listen(fd, 1), "listen");
    return fd;
}

/* A socket that was Redis and is dissolved, then goes on to something else. */
static int reconnected_elsewhere(void)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(foreign_port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = fresh_connection();
    checked(connect(fd, &nobody, sizeof nobody), "connect to nobody");
    checked(connect(fd, (struct sockaddr *)&peer, sizeof peer), "connect elsewhere");
    return fd;
}

static struct scene set_up(const char *path)
{
    struct scene scene;
    int freed = freed_by_system_call();
    scene.file = taken_over(open(path, O_WRONLY | O_CREAT | O_APPEND, 0600), freed);
    freed = freed_by_fclose();
    scene.listener = taken_over(listen_somewhere(), freed);
    freed = freed_by_close_range();
    scene.foreign = taken_over(connect_socket(atoi(foreign_port), 0), freed);
    freed = freed_by_system_call();
    checked(pipe(scene.pipe), "pipe");
    taken_over(scene.pipe[0], freed);
    scene.replaced = fresh_connection();
    checked(dup2(scene.file, scene.replaced), "dup2");
    scene.released = reconnected_elsewhere();
    scene.listener_cookie = cookie_of(scene.listener);
    scene.foreign_cookie = cookie_of(scene.foreign);
    scene.released_cookie = cookie_of(scene.released);
    return scene;
}

static void tell(const char *what, bool intact)
{
    dprintf(1, "%s: %s\n", what, intact ? "intact" : "lost");
}

static void look_around(const struct scene *scene)
{
    char byte;
    tell("log file", write(scene->file, "child\n", 6) == 6);
    tell("copy of the log file", write(scene->replaced, "child\n", 6) == 6);
    tell("listening socket", cookie_of(scene->listener) == scene->listener_cookie);
    tell("connection elsewhere", cookie_of(scene->foreign) == scene->foreign_cookie);
    tell("reused socket", cookie_of(scene->released) == scene->released_cookie);
    tell("pipe", write(scene->pipe[1], "x", 1) == 1 && read(scene->pipe[0], &byte, 1) == 1);
}

int main(int argc, char *argv[])
{
    (void)argc;
    port = argv[1];
    foreign_port = argv[2];
    struct scene scene = set_up(argv[3]);
    int guarded_one = fresh_connection();
    uint64_t cookie = cookie_of(guarded_one);
    pid_t child = fork();
    if (child == 0) {
        look_around(&scene);
        tell("the one Redis connection", cookie_of(guarded_one) == cookie);
        _exit(0);
    }
    wait_for(child);
    return 0;
}
