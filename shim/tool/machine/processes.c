/*
 * processes.c: see processes.h.
 */
#include "machine/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/complain.h"
#include "machine/capabilities.h"

/* What a walk through one directory of descriptors came to. */
struct walk {
    size_t count;   /* descriptors */
    bool is_denied; /* the directory, or one of its links */
};

static bool is_number(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

/* The inode of the socket behind /proc/.../fd/N; 0: not a socket, or gone, or errno says denied. */
static unsigned long socket_at(int directory, const char *name)
{
    static const char opening[] = "socket:[";
    char target[64];
    ssize_t length = readlinkat(directory, name, target, sizeof target - 1);
    if (length < 0)
        return 0;
    errno = 0;
    target[length] = '\0';
    return strncmp(target, opening, sizeof opening - 1) == 0
               ? strtoul(target + sizeof opening - 1, NULL, 10)
               : 0;
}

unsigned long processes_socket_at(pid_t task, int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)task, fd);
    return socket_at(AT_FDCWD, path);
}

static struct walk walk_descriptors(const struct processes_visitor *visitor, pid_t pid, pid_t task)
{
    char path[64];
    struct walk walk = {.count = 0};
    snprintf(path, sizeof path, "/proc/%d/fd", (int)task);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return (struct walk){.is_denied = is_denial(errno)};
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!is_number(entry->d_name))
            continue;
        struct socket_descriptor descriptor = {.pid = pid, .task = task, .fd = atoi(entry->d_name)};
        descriptor.inode = socket_at(dirfd(directory), entry->d_name);
        walk.is_denied = walk.is_denied || (descriptor.inode == 0 && is_denial(errno));
        if (descriptor.inode != 0)
            visitor->socket(visitor->context, &descriptor);
        walk.count++;
    }
    closedir(directory);
    return walk;
}

/* A process goes on without its first thread, whose directory is empty then. */
static bool walk_threads(const struct processes_visitor *visitor, pid_t pid)
{
    char path[64];
    struct walk walk = {.count = 0};
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return is_denial(errno);
    for (const struct dirent *entry; walk.count == 0 && (entry = readdir(directory)) != NULL;)
        if (is_number(entry->d_name) && atoi(entry->d_name) != pid)
            walk = walk_descriptors(visitor, pid, atoi(entry->d_name));
    closedir(directory);
    return walk.is_denied;
}

/* Kernel threads and zombies have none: proc(5), state and flags in stat. With hidepid=1 even that
 * is not for everybody to read. */
static bool has_no_descriptors(pid_t pid)
{
    enum { PF_KTHREAD = 0x00200000 };
    char path[64];
    char stat[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return !is_denial(errno);
    ssize_t length = read(file, stat, sizeof stat - 1);
    close(file);
    stat[length > 0 ? length : 0] = '\0';
    const char *behind_name = strrchr(stat, ')');
    char state = 'Z';
    unsigned flags = 0;
    if (behind_name != NULL)
        sscanf(behind_name, ") %c %*d %*d %*d %*d %*d %u", &state, &flags);
    return state == 'Z' || (flags & PF_KTHREAD) != 0;
}

bool processes_visit_one(const struct processes_visitor *visitor, pid_t pid)
{
    if (visitor->process != NULL)
        visitor->process(visitor->context, pid);
    struct walk walk = walk_descriptors(visitor, pid, pid);
    bool is_denied = walk.is_denied;
    if (walk.count == 0 && !is_denied)
        is_denied = walk_threads(visitor, pid);
    return !is_denied || has_no_descriptors(pid);
}

/* Does proc(5) leave out the processes of others? Mode 1 shows that they are there. */
static bool hidepid_hides(void)
{
    char *line = NULL;
    size_t size = 0;
    bool hides = false;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    while (mounts != NULL && getline(&line, &size, mounts) > 0) {
        char point[16] = "";
        const char *option = strstr(line, "hidepid=");
        sscanf(line, "%*s %*s %*s %*s %15s", point);
        if (strcmp(point, "/proc") == 0) /* a later mount lies over an earlier one */
            hides = option != NULL && strchr("0no1", option[strlen("hidepid=")]) == NULL;
    }
    free(line);
    if (mounts != NULL)
        fclose(mounts);
    return hides;
}

/* And not only over the processes of a user namespace of our own. */
static bool may_see_everybody(void)
{
    static const char initial[] = "user:[4026531837]"; /* PROC_USER_INIT_INO of the kernel */
    char namespace[sizeof initial] = "";
    ssize_t length = readlink("/proc/self/ns/user", namespace, sizeof namespace);
    return capabilities_suffice() && length == (ssize_t)strlen(initial) &&
           memcmp(namespace, initial, strlen(initial)) == 0;
}

struct processes_unseen processes_visit(const struct processes_visitor *visitor)
{
    bool has_the_right = may_see_everybody();
    struct processes_unseen unseen = {.hidden = !has_the_right && hidepid_hides()};
    DIR *directory = opendir("/proc");
    if (directory == NULL)
        give_up("/proc: %s", strerror(errno));
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (is_number(entry->d_name) && !processes_visit_one(visitor, atoi(entry->d_name)))
            (*(has_the_right ? &unseen.protected : &unseen.count))++;
    closedir(directory);
    return unseen;
}
