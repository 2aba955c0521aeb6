/*
 * namespaces.c: see namespaces.h.
 */
#include "machine/namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/array.h"
#include "common/complain.h"
#include "machine/capabilities.h"

int namespace_of(pid_t pid, struct network_namespace *into)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (fstat(fd, &status) != 0) {
        int error = errno;
        close(fd);
        return error;
    }
    *into = (struct network_namespace){status.st_dev, status.st_ino, pid, fd};
    return 0;
}

struct list {
    struct network_namespace *items;
    size_t count;
};

static bool knows(const struct list *list, const struct stat *status)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].inode == status->st_ino && list->items[i].device == status->st_dev)
            return true;
    return false;
}

/* Returns 0, or an errno. */
static int add(struct list *list, pid_t pid)
{
    char path[64];
    struct stat status;
    struct network_namespace found;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    if (stat(path, &status) != 0)
        return errno;
    if (knows(list, &status))
        return 0;
    int error = namespace_of(pid, &found);
    if (error != 0)
        return error;
    *APPEND(list->items, list->count) = found;
    return 0;
}

struct network_namespace *namespaces_of_all(size_t *count, size_t *unseen)
{
    struct list list = {.count = 0};
    DIR *directory = opendir("/proc");
    if (directory == NULL)
        give_up("/proc: %s", strerror(errno));
    *unseen = 0;
    add(&list, getpid());
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int error = entry->d_name[strspn(entry->d_name, "0123456789")] == '\0'
                        ? add(&list, atoi(entry->d_name))
                        : 0;
        *unseen += is_denial(error);
    }
    closedir(directory);
    *count = list.count;
    return list.items;
}

int namespace_enter(const struct network_namespace *namespace)
{
    struct stat here;
    if (stat("/proc/self/ns/net", &here) == 0 && here.st_ino == namespace->inode &&
        here.st_dev == namespace->device)
        return 0;
    return setns(namespace->fd, CLONE_NEWNET) == 0 ? 0 : errno;
}
