/*
 * errno_copies DIRECTORY: dup, dup2, dup3 and the copying commands of fcntl on every kind of
 * descriptor, to every kind of number, and at the limit. Prints a line for each, with what the copy
 * is like.
 */
#include "errno_tools.h"

#include <sys/resource.h>

enum { LIMIT = 200, FREE_NUMBER = 150, TAKEN_NUMBER = 151 };

static int dup_fcntl(int fd, int command, int least)
{
    return fcntl(fd, command, least);
}

static int dup_fcntl64(int fd, int command, int least)
{
    return fcntl64(fd, command, least);
}

/* Is the copy the same thing, and would exec close it? */
static const char *likeness(int fd, int copy)
{
    struct stat one, other;
    if (copy < 0 || fstat(copy, &other) < 0)
        return "no copy";
    bool same = fstat(fd, &one) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
    return words("%s FD_CLOEXEC %d", same ? "same" : "another", fcntl(copy, F_GETFD));
}

static void tell_of_copy(const char *name, int fd, int copy)
{
    int error = errno;
    tell(name, copy, error, likeness(fd, copy));
    if (copy > STDERR_FILENO && copy != fd)
        close(copy);
}

#define TRY_COPY(name, fd, call)                                                                   \
    do {                                                                                           \
        errno = UNTOUCHED;                                                                         \
        int copy_ = (call);                                                                        \
        tell_of_copy(words("%s, %s", kind, name), fd, copy_);                                      \
    } while (0)

static const int numbers[] = {FREE_NUMBER, TAKEN_NUMBER, LIMIT - 1, LIMIT,
                              LIMIT + 1,   INT_MAX,      -1,        INT_MIN};
static const int flags[] = {0, O_CLOEXEC, O_NONBLOCK, O_CLOEXEC | O_APPEND, -1};

enum { NUMBERS = sizeof numbers / sizeof numbers[0], FLAGS = sizeof flags / sizeof flags[0] };

static void try_dup3(const char *kind, int fd, int to)
{
    for (int i = 0; i < FLAGS; i++)
        TRY_COPY(words("dup3 to %d with %#x", to, (unsigned)flags[i]), fd, dup3(fd, to, flags[i]));
}

static void try_to(const char *kind, int fd, int to)
{
    static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC};
    int taken = checked(open("/", O_RDONLY | O_CLOEXEC), "open");
    checked(dup2(taken, TAKEN_NUMBER), "dup2");
    TRY_COPY(words("dup2 to %d", to), fd, dup2(fd, to));
    try_dup3(kind, fd, to);
    for (int i = 0; i < 2; i++) {
        const char *name = words("command %d from %d", commands[i], to);
        TRY_COPY(words("fcntl, %s", name), fd, dup_fcntl(fd, commands[i], to));
        TRY_COPY(words("fcntl64, %s", name), fd, dup_fcntl64(fd, commands[i], to));
    }
    close(TAKEN_NUMBER);
    close(taken);
}

static void try_kind(const char *kind, int fd)
{
    TRY_COPY("dup", fd, dup(fd));
    TRY_COPY("dup2 to itself", fd, dup2(fd, fd));
    TRY_COPY("dup3 to itself", fd, dup3(fd, fd, 0));
    for (int i = 0; i < NUMBERS; i++)
        try_to(kind, fd, numbers[i]);
}

static void try_kinds(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        int fd = make((enum kind)kind);
        try_kind(kind_names[kind], fd);
        discard(fd);
    }
}

/* ---- with no number left ---- */

static void try_at_the_limit(enum kind number)
{
    const char *kind = words("no number left, %s", kind_names[number]);
    int fd = make(number);
    int fillers[LIMIT] = {0};
    int count = 0;
    while ((fillers[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    TRY_COPY("dup", fd, dup(fd));
    TRY_COPY("dup2 over one", fd, dup2(fd, fillers[count - 1]));
    TRY_COPY("F_DUPFD", fd, dup_fcntl(fd, F_DUPFD, 0));
    TRY_COPY("F_DUPFD_CLOEXEC", fd, dup_fcntl64(fd, F_DUPFD_CLOEXEC, LIMIT - 1));
    TRY_COPY("F_DUPFD above", fd, dup_fcntl64(fd, F_DUPFD, LIMIT));
    while (count-- > 0)
        close(fillers[count]);
    discard(fd);
}

/* A descriptor may lie above a limit that was lowered since. */
static void try_above_the_limit(void)
{
    const struct rlimit low = {.rlim_cur = 64, .rlim_max = LIMIT};
    const char *kind = "limit lowered";
    int fd = make(CONNECTION);
    int high = checked(dup2(fd, FREE_NUMBER), "dup2");
    checked(setrlimit(RLIMIT_NOFILE, &low), "setrlimit");
    TRY_COPY("dup from above", fd, dup(high));
    TRY_COPY("dup2 from above to itself", high, dup2(high, high));
    TRY_COPY("dup2 from above down", fd, dup2(high, 60));
    TRY_COPY("dup2 up", fd, dup2(fd, FREE_NUMBER + 1));
    TRY_COPY("dup3 up", fd, dup3(fd, FREE_NUMBER + 1, 0));
}

int main(int argc, char *argv[])
{
    const struct rlimit limit = {.rlim_cur = LIMIT, .rlim_max = LIMIT};
    if (argc != 2)
        return 2;
    directory = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    try_kinds();
    try_at_the_limit(CONNECTION);
    try_at_the_limit(UNIX_CONNECTION);
    try_at_the_limit(PIPE);
    try_above_the_limit();
    return EXIT_SUCCESS;
}
