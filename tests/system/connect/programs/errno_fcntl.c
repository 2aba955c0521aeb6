/*
 * errno_fcntl DIRECTORY: every command of fcntl(2), with every kind of argument, through fcntl and
 * fcntl64, on every kind of descriptor. Prints a line for each, with what the command has left in
 * the argument and in the descriptor. The copying commands are errno_copies.c's.
 */
#include "errno_tools.h"

enum { DUPFD_QUERY = 1027, CREATED_QUERY = 1028 }; /* Linux 6.10 and 6.12 */

typedef int (*fcntl_function)(int fd, int command, ...);

static const struct {
    const char *name;
    fcntl_function call;
} functions[] = {{"fcntl", fcntl}, {"fcntl64", fcntl64}};

/* ---- commands that take a number, or nothing ---- */

static const struct {
    const char *name;
    long arguments[6];
    int command, count;
} numeric[] = {
    {"F_GETFD", {0}, F_GETFD, 1},
    {"F_SETFD", {0, FD_CLOEXEC, 2, INT_MAX, -1, INT_MIN}, F_SETFD, 6},
    {"F_GETFL", {0}, F_GETFL, 1},
    {"F_SETFL", {0, O_NONBLOCK, O_APPEND, O_NOATIME | O_ASYNC, O_DIRECT, -1}, F_SETFL, 6},
    {"F_GETOWN", {0}, F_GETOWN, 1},
    {"F_SETOWN", {0, INT_MAX, INT_MIN, -INT_MAX}, F_SETOWN, 4},
    {"F_GETSIG", {0}, F_GETSIG, 1},
    {"F_SETSIG", {0, SIGUSR1, 64, 65, -1}, F_SETSIG, 5},
    {"F_GETLEASE", {0}, F_GETLEASE, 1},
    {"F_SETLEASE", {F_RDLCK, F_WRLCK, F_UNLCK, 99, -1}, F_SETLEASE, 5},
    {"F_NOTIFY", {0, DN_CREATE, DN_CREATE | DN_MULTISHOT, INT_MAX}, F_NOTIFY, 4},
    {"F_GETPIPE_SZ", {0}, F_GETPIPE_SZ, 1},
    {"F_SETPIPE_SZ", {0, 4096, 8193, 1 << 20, INT_MAX, -1}, F_SETPIPE_SZ, 6},
    {"F_GET_SEALS", {0}, F_GET_SEALS, 1},
    {"F_ADD_SEALS", {0, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL, 1 << 20, -1}, F_ADD_SEALS, 6},
    {"F_DUPFD_QUERY", {0, 1, -1, INT_MAX}, DUPFD_QUERY, 4},
    {"F_CREATED_QUERY", {0}, CREATED_QUERY, 1},
    {"command -1", {0}, -1, 1},
    {"command 77", {0, -1}, 77, 2},
    {"command INT_MAX", {0}, INT_MAX, 1},
    {"command INT_MIN", {0}, INT_MIN, 1},
};

/* 1 stands for this process. */
static const char *left_in(int fd)
{
    int descriptor = fcntl(fd, F_GETFD);
    int description = fcntl(fd, F_GETFL);
    int owner = fcntl(fd, F_GETOWN);
    return words("FD %#x FL %#x OWN %d SIG %d PIPE %d SEALS %#x", (unsigned)descriptor,
                 (unsigned)description, owner == getpid() ? 1 : owner, fcntl(fd, F_GETSIG),
                 fcntl(fd, F_GETPIPE_SZ), (unsigned)fcntl(fd, F_GET_SEALS));
}

static void try_numeric(enum kind kind, int function)
{
    for (size_t i = 0; i < sizeof numeric / sizeof numeric[0]; i++)
        for (int j = 0; j < numeric[i].count; j++) {
            long argument = numeric[i].arguments[j];
            int fd = make(kind);
            TRY(words("%s, %s(%s, %ld)", kind_names[kind], functions[function].name,
                      numeric[i].name, argument),
                functions[function].call(fd, numeric[i].command, argument), left_in(fd));
            discard(fd);
        }
}

/* ---- commands that take a pointer ---- */

union argument {
    struct flock lock;
    struct f_owner_ex owner;
    uint64_t hint;
    unsigned char bytes[64];
};

static const union argument whole_file = {.lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET}};
static const union argument to_read = {.lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET}};
static const union argument to_unlock = {.lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET}};
static const union argument no_such_type = {.lock = {.l_type = 99, .l_whence = SEEK_SET}};
static const union argument no_such_whence = {.lock = {.l_type = F_RDLCK, .l_whence = 99}};
static const union argument before_start = {.lock = {.l_type = F_RDLCK, .l_start = -9}};
static const union argument too_far = {
    .lock = {.l_type = F_RDLCK, .l_start = 9, .l_len = LONG_MAX}};
static const union argument with_pid = {.lock = {.l_type = F_RDLCK, .l_pid = 1}};
static const union argument to_nobody = {.owner = {.type = F_OWNER_PID, .pid = 0}};
static const union argument to_a_stranger = {.owner = {.type = F_OWNER_PGRP, .pid = INT_MAX}};
static const union argument no_such_owner = {.owner = {.type = (enum __pid_type)99, .pid = 0}};
static const union argument no_hint = {.hint = 0};
static const union argument long_lived = {.hint = RWH_WRITE_LIFE_LONG};
static const union argument no_such_hint = {.hint = UINT64_MAX};

static const struct {
    const char *name;
    int command;
    const union argument *arguments[8];
} pointing[] = {
    {"F_GETLK", F_GETLK, {&whole_file, &to_read, &to_unlock, &no_such_type, &with_pid}},
    {"F_SETLK",
     F_SETLK,
     {&whole_file, &to_read, &to_unlock, &no_such_type, &no_such_whence, &before_start, &too_far}},
    {"F_SETLKW", F_SETLKW, {&whole_file, &to_read, &to_unlock, &no_such_type, &before_start}},
    {"F_OFD_GETLK", F_OFD_GETLK, {&whole_file, &to_read, &no_such_type, &with_pid}},
    {"F_OFD_SETLK", F_OFD_SETLK, {&whole_file, &to_read, &to_unlock, &no_such_type, &with_pid}},
    {"F_OFD_SETLKW", F_OFD_SETLKW, {&whole_file, &to_unlock, &no_such_whence, &with_pid}},
    {"F_GETOWN_EX", F_GETOWN_EX, {&to_nobody}},
    {"F_SETOWN_EX", F_SETOWN_EX, {&to_nobody, &to_a_stranger, &no_such_owner}},
    {"F_GET_RW_HINT", F_GET_RW_HINT, {&no_hint}},
    {"F_SET_RW_HINT", F_SET_RW_HINT, {&no_hint, &long_lived, &no_such_hint}},
    {"F_GET_FILE_RW_HINT", F_GET_FILE_RW_HINT, {&no_hint}},
    {"F_SET_FILE_RW_HINT", F_SET_FILE_RW_HINT, {&long_lived}},
};

static const char *bytes_of(const union argument *argument)
{
    char *made = words("%s", "");
    for (size_t i = 0; i < sizeof argument->bytes; i++)
        if (argument->bytes[i] != 0)
            made = words("%s %zu=%02x", made, i, argument->bytes[i]);
    return made;
}

static void try_pointer(enum kind kind, int function, int row, void *pointer, const char *what)
{
    int fd = make(kind);
    TRY(words("%s, %s(%s, %s)", kind_names[kind], functions[function].name, pointing[row].name,
              what),
        functions[function].call(fd, pointing[row].command, pointer), left_in(fd));
    discard(fd);
}

/* A hint stays with the inode. Epoll and eventfd descriptors have one for the whole machine, and
 * the directory is still there in the next run. */
static bool is_hint_for_others(enum kind kind, int row)
{
    bool shared = kind == EPOLL || kind == EVENTFD || kind == DIRECTORY;
    return shared && strstr(pointing[row].name, "RW_HINT") != NULL;
}

static void try_pointers(enum kind kind, int function)
{
    int rows = sizeof pointing / sizeof pointing[0];
    for (int row = 0; row < rows; row++) {
        if (is_hint_for_others(kind, row))
            continue;
        for (int i = 0; pointing[row].arguments[i] != NULL; i++) {
            union argument argument = *pointing[row].arguments[i];
            try_pointer(kind, function, row, &argument, words("argument %d", i));
            printf("  then%s\n", bytes_of(&argument));
        }
        try_pointer(kind, function, row, NULL, "NULL");
        try_pointer(kind, function, row, (void *)1, "1");   // NOLINT
        try_pointer(kind, function, row, (void *)-1, "-1"); // NOLINT
    }
}

/* ---- what needs somebody else ---- */

static int locked_by_a_child(pid_t *child)
{
    int ready[2];
    int fd = make(PLAIN_FILE);
    checked(pipe(ready), "pipe");
    *child = checked(fork(), "fork");
    if (*child == 0) {
        union argument lock = whole_file;
        char byte = 0;
        alarm(60);
        bool locked = fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], &byte, 1) == 1;
        if (locked)
            pause();
        _exit(1);
    }
    char byte;
    checked((int)read(ready[0], &byte, 1) - 1, "read");
    close(ready[0]);
    close(ready[1]);
    return fd;
}

static void try_locks_of_others(int function)
{
    pid_t child = -1;
    int fd = locked_by_a_child(&child);
    fcntl_function call = functions[function].call;
    union argument lock = whole_file;
    TRY("a lock that a child holds, F_SETLK", call(fd, F_SETLK, &lock), "");
    TRY("a lock that a child holds, F_GETLK", call(fd, F_GETLK, &lock),
        lock.lock.l_pid == child ? "the child's" : "another's");
    lock = whole_file;
    TRY("a lock that a child holds, F_OFD_SETLK", call(fd, F_OFD_SETLK, &lock), "");
    interrupt_soon();
    TRY("a lock that a child holds, F_SETLKW", call(fd, F_SETLKW, &lock), "");
    no_more_interruptions();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    TRY("the child is gone, F_SETLKW", call(fd, F_SETLKW, &lock), "");
    close(fd);
}

static void try_full_pipe(int function)
{
    static const char filling[8192];
    int fd = make(PIPE);
    checked((int)write(other_end, filling, sizeof filling), "write");
    TRY("a pipe that holds 8192 bytes, F_SETPIPE_SZ to 4096",
        functions[function].call(fd, F_SETPIPE_SZ, 4096), "");
    discard(fd);
}

static void try_mapped_memfd(int function)
{
    int fd = make(MEMFD);
    checked(ftruncate(fd, 4096), "ftruncate");
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fcntl_function call = functions[function].call;
    TRY("a memfd that is mapped, F_SEAL_WRITE", call(fd, F_ADD_SEALS, F_SEAL_WRITE), "");
    munmap(memory, 4096);
    TRY("a memfd, F_SEAL_SEAL", call(fd, F_ADD_SEALS, F_SEAL_SEAL), "");
    TRY("a memfd that is sealed, F_SEAL_WRITE", call(fd, F_ADD_SEALS, F_SEAL_WRITE), "");
    discard(fd);
}

static void try_without_rights(void)
{
    int fd = make(PIPE);
    int file = checked(open("/dev/null", O_RDWR | O_CLOEXEC), "open");
    become_nobody();
    TRY("without rights, F_SETPIPE_SZ to 128 MiB", fcntl(fd, F_SETPIPE_SZ, 128 << 20), "");
    TRY("without rights, F_SETFL to O_NOATIME", fcntl(file, F_SETFL, O_NOATIME), "");
    TRY("without rights, F_SETLEASE", fcntl(file, F_SETLEASE, F_RDLCK), "");
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    directory = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    for (int function = 0; function < 2; function++) {
        for (int kind = 0; kind < KINDS; kind++) {
            try_numeric((enum kind)kind, function);
            try_pointers((enum kind)kind, function);
        }
        try_locks_of_others(function);
        try_full_pipe(function);
        try_mapped_memfd(function);
    }
    apart(try_without_rights);
    return EXIT_SUCCESS;
}
