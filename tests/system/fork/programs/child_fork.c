/*
 * child_fork HOW ADDRESS [MODULE]: copies the descriptor of a Redis connection in every way there
 * is, forks in the way that HOW says, and tells what the child finds at each number and what became
 * of the parent's connection. HOW: fork, _Fork, forkpty, or module: the fork() of a module that is
 * loaded with RTLD_DEEPBIND.
 */
#include "child_tools.h"

#include <dlfcn.h>
#include <pty.h>

static const char *const names[] = {"original", "dup",     "dup2",
                                    "dup3",     "F_DUPFD", "F_DUPFD_CLOEXEC"};

enum { DESCRIPTORS = sizeof names / sizeof *names, HIGH = 1500 };

static pid_t fork_in_module(const char *path)
{
    pid_t (*its_fork)(void);
    void *module = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
    if (module == NULL)
        die(dlerror());
    *(void **)&its_fork = dlsym(module, "module_fork");
    return its_fork();
}

static pid_t fork_as_asked(const char *how, const char *module)
{
    int terminal;
    if (strcmp(how, "fork") == 0)
        return fork();
    if (strcmp(how, "_Fork") == 0)
        return _Fork();
    if (strcmp(how, "forkpty") == 0)
        return forkpty(&terminal, NULL, NULL, NULL);
    return fork_in_module(module);
}

int main(int argc, char *argv[])
{
    redisContext *context = connect_to(argv[2]);
    long long id = client_id(context);
    uint64_t cookie = cookie_of(context->fd);
    int report = checked(fcntl(1, F_DUPFD_CLOEXEC, 100), "fcntl"); /* forkpty takes 1 away */
    int copies[DESCRIPTORS] = {
        context->fd,
        dup(context->fd),
        dup2(context->fd, HIGH),
        dup3(context->fd, HIGH + 1, O_CLOEXEC),
        fcntl(context->fd, F_DUPFD, 200),
        fcntl(context->fd, F_DUPFD_CLOEXEC, 200),
    };

    errno = EXDEV;
    pid_t child = fork_as_asked(argv[1], argc > 3 ? argv[3] : NULL);
    int error = errno;
    if (child == 0) {
        for (int i = 0; i < DESCRIPTORS; i++)
            dprintf(report, "%s: %s\n", names[i], what_is_at(copies[i], cookie));
        dprintf(report, "errno in the child: %s\n", strerrorname_np(error));
        _exit(0);
    }
    wait_for(child);
    dprintf(report, "errno in the parent: %s\n", strerrorname_np(error));
    dprintf(report, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
