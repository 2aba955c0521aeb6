/*
 * log_file.c: the file that REDISGUARD_LOG names; see log_file.h.
 *
 * The path is walked one name at a time from an open directory, so that what was checked is what is
 * opened, and links are read here: the kernel would follow a trusted one through directories that
 * are not. (openat2(2) with RESOLVE_NO_SYMLINKS would allow no link at all, and is one more call
 * for a sandbox to allow.)
 */
#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "error_name.h"
#include "kernel.h"
#include "line.h"
#include "text.h"

enum {
    NAME_SIZE = 256,   /* NAME_MAX and its NUL */
    LINKS_AT_MOST = 4, /* the stack of a signal handler is small */
};

/* Beyond every errno. */
enum { SECOND_NAME = -5001, UNUSUAL_FILE = -5002 };

struct walk {
    int directory;
    bool is_tainted; /* others can exchange what the walk has come by */
    int links;       /* how many are being followed */
    const char *rest[LINKS_AT_MOST + 1];
    char targets[LINKS_AT_MOST][NAME_SIZE];
};

enum {
    INTO_DIRECTORY = O_PATH | O_DIRECTORY | O_CLOEXEC,
    /* O_NONBLOCK: a FIFO without a reader must not stop the program. */
    FOR_LINES = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
};

static bool is_trusted(uid_t owner)
{
    return owner == 0 || (long)owner == kernel_call(ARCH_GETEUID, 0, 0, 0, 0, 0, 0);
}

/* Could nobody but root and the effective user have put there what is in this directory? In one
 * like /tmp (sticky) others can add names, but not exchange what belongs to those two. */
static bool enter(struct walk *walk)
{
    struct stat status = {0};
    bool known = kernel_fstat(walk->directory, &status) == 0;
    bool is_ours = known && is_trusted(status.st_uid);
    bool is_shared = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    bool is_safe = !walk->is_tainted && is_ours && !is_shared;
    if (!is_ours || (is_shared && (status.st_mode & S_ISVTX) == 0))
        walk->is_tainted = true;
    return is_safe;
}

/* The next name of the path, and whether it is the last. False: it is too long to be one. */
static bool take_name(struct walk *walk, char name[NAME_SIZE], bool *is_last)
{
    while (walk->links > 0 && walk->rest[walk->links][0] == '\0')
        walk->links--;
    const char *path = walk->rest[walk->links];
    while (*path == '/')
        path++;
    size_t length = text_until(path, '/');
    if (length >= NAME_SIZE)
        return false;
    memcpy(name, path, length);
    name[length] = '\0';
    walk->rest[walk->links] = path + length;
    *is_last = true;
    for (int i = 0; i <= walk->links; i++)
        *is_last = *is_last && walk->rest[i][0] == '\0';
    return true;
}

/*
 * Goes on with what the link says; `error` where it is none, or too much. The links of proc(5) lead
 * to what a process has open, whatever they say: those are the kernel's to follow.
 */
static int follow(struct walk *walk, const char *name, int flags, int error)
{
    if (walk->links == LINKS_AT_MOST)
        return -EMLINK;
    if (kernel_is_proc(walk->directory))
        return kernel_openat(walk->directory, name, flags, 0640);
    char *target = walk->targets[walk->links];
    long length = kernel_call(SYS_readlinkat, walk->directory, kernel_pointer(name),
                              kernel_pointer(target), NAME_SIZE, 0, 0);
    if (length <= 0 || length == NAME_SIZE)
        return error;
    bool is_absolute = target[0] == '/';
    while (length > 0 && target[length - 1] == '/')
        length--; /* what follows must be a directory: so must what the link leads to */
    target[length] = '\0';
    walk->rest[++walk->links] = target;
    return kernel_openat(walk->directory, is_absolute ? "/" : ".", INTO_DIRECTORY, 0);
}

static int checked(int file)
{
    struct stat status = {0};
    int error = kernel_fstat(file, &status);
    if (error == 0 && status.st_nlink > 1)
        error = SECOND_NAME;
    else if (error == 0 && !S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) &&
             !line_is_terminal(file))
        error = UNUSUAL_FILE;
    if (error == 0)
        return file;
    kernel_close(file);
    return error;
}

int log_file_open(const char *path)
{
    struct walk walk = {.rest = {path}};
    walk.directory = kernel_openat(AT_FDCWD, "/", INTO_DIRECTORY, 0);
    while (walk.directory >= 0) {
        char name[NAME_SIZE];
        bool is_last = false;
        bool is_safe = enter(&walk);
        int next = -ENAMETOOLONG;
        if (take_name(&walk, name, &is_last)) {
            int links = walk.links;
            int flags = is_last ? FOR_LINES : INTO_DIRECTORY;
            next = kernel_openat(walk.directory, name, flags | O_NOFOLLOW, 0640);
            if (is_safe && (next == -ELOOP || next == -ENOTDIR))
                next = follow(&walk, name, flags, next);
            is_last = is_last && walk.links == links;
        }
        kernel_close(walk.directory);
        if (is_last)
            return is_safe || next < 0 ? next : checked(next);
        walk.directory = next;
    }
    return walk.directory;
}

const char *log_file_error(int error)
{
    switch (error) {
    case -ENOENT:
        return "no such directory";
    case -ENOTDIR:
        return "a part of the path is not a directory, or is a link where others can put one";
    case -ELOOP:
        return "it is a link where others can put one";
    case SECOND_NAME:
        return "it has more than one name where others can give it one";
    case UNUSUAL_FILE:
        return "it is no regular file, FIFO or terminal where others can put one";
    case -ENXIO:
        return "it is a FIFO that nobody reads";
    default:
        return error_name(error);
    }
}
