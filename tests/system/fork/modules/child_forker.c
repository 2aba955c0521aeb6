/* Forks. Loaded with RTLD_DEEPBIND, so that no preloaded fork() sees it: see child_fork.c. */
#include <unistd.h>

pid_t module_fork(void);

pid_t module_fork(void)
{
    return fork();
}
