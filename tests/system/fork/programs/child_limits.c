/*
 * child_limits CASE PORT: forks with no descriptor to spare, and tells what the child finds at the
 * numbers of the inherited connections. CASE says what is left:
 *   soft      the soft limit is used up, the hard one is not
 *   hard      both are used up; one connection
 *   hard-many both are used up; three connections
 *   lowered   the limit was lowered until the connection lies above it
 */
#include "child_tools.h"

#include <sys/resource.h>

enum { MOST_CONNECTIONS = 3, SOFT = 64, HARD = 128 };

static void set_limit(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static void use_up(void)
{
    while (open("/dev/null", O_RDONLY) >= 0)
        ;
    if (errno != EMFILE)
        die("open");
}

/* Another user of the guard's spare room: 0 when the soft limit is what it was. */
static bool soft_limit_is(rlim_t expected)
{
    struct rlimit limit;
    checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    return limit.rlim_cur == expected;
}

/* epoll and poll would want a descriptor, or a higher limit: read and write will do. */
static void tell(int fd, uint64_t cookie)
{
    char byte;
    struct stat status;
    if (fstat(fd, &status) < 0) {
        dprintf(1, "closed\n");
    } else if (cookie_of(fd) == cookie) {
        dprintf(1, "shared\n");
    } else {
        const char *read_word = result_of(read(fd, &byte, 1));
        const char *write_word = result_of(write(fd, "x", 1));
        dprintf(1, "%s, read %s, write %s\n", S_ISSOCK(status.st_mode) ? "socket" : "no socket",
                read_word, write_word);
    }
}

int main(int argc, char *argv[])
{
    (void)argc;
    const char *what = argv[1];
    int connections = strcmp(what, "hard-many") == 0 ? MOST_CONNECTIONS : 1;
    redisContext *contexts[MOST_CONNECTIONS];
    uint64_t cookies[MOST_CONNECTIONS];
    long long ids[MOST_CONNECTIONS];
    for (int i = 0; i < connections; i++) {
        contexts[i] = connect_to(argv[2]);
        cookies[i] = cookie_of(contexts[i]->fd);
        ids[i] = client_id(contexts[i]);
    }
    if (strcmp(what, "lowered") == 0) {
        set_limit((rlim_t)contexts[0]->fd, HARD);
    } else {
        set_limit(SOFT, strcmp(what, "soft") == 0 ? HARD : SOFT);
        use_up();
    }
    struct rlimit before;
    checked(getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < connections; i++)
            tell(contexts[i]->fd, cookies[i]);
        dprintf(1, "limit %s\n", soft_limit_is(before.rlim_cur) ? "as it was" : "changed");
        _exit(0);
    }
    wait_for(child);
    for (int i = 0; i < connections; i++)
        dprintf(1, "parent: %s\n", client_id(contexts[i]) == ids[i] ? "same client" : "lost");
    return 0;
}
