/*
 * limits_highest PORT: a connection, with copies at the highest numbers that this process can have,
 * and at those where the guard's tables have their seams. Tells what a forked child finds there.
 */
#include "child_tools.h"

#include <sys/resource.h>

/* nr_open where the process may raise its limit that far, else what it may have. */
static int numbers_to_be_had(void)
{
    FILE *file = fopen("/proc/sys/fs/nr_open", "re");
    unsigned most = 0;
    if (file == NULL || fscanf(file, "%u", &most) != 1)
        die("nr_open");
    fclose(file);
    struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return (int)most;
    checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    return (int)limit.rlim_max;
}

int main(int argc, char *argv[])
{
    (void)argc;
    int most = numbers_to_be_had();
    const int numbers[] = {1023, 1024, 2047, 2048, most / 2, most - 2, most - 1};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    redisContext *context = connect_to(argv[1]);
    uint64_t cookie = cookie_of(context->fd);
    long long id = client_id(context);
    int file = checked(open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
    for (int i = 0; i < NUMBERS; i++)
        checked(dup2(context->fd, numbers[i]), "dup2");
    checked(dup2(file, most - 3), "dup2");
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < NUMBERS; i++)
            dprintf(1, "%d: %s\n", i, what_is_at(numbers[i], cookie));
        dprintf(1, "file: %s\n", what_is_at(most - 3, cookie));
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
