/*
 * rebind_threads PORT MODULE...: one thread for each module loads it with RTLD_DEEPBIND, has it
 * call setsockopt(), and unloads it, again and again. Tells how often the guard did not notice.
 */
#include "rebind_tools.h"

#include <pthread.h>

enum { ROUNDS = 150, MOST_THREADS = 8 };

static const char *port;

struct work {
    const char *file;
    int bypassed;
};

static void *work_on(void *argument)
{
    int on = 1;
    struct work *work = argument;
    int fd = connect_socket(atoi(port), 0);
    for (int i = 0; i < ROUNDS; i++) {
        void *module = dlopen(work->file, RTLD_LAZY | RTLD_DEEPBIND);
        const struct calls *calls = calls_of(module);
        if (!setsockopt_is_guarded(calls, fd))
            work->bypassed++;
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        dlclose(module);
    }
    close(fd);
    return NULL;
}

int main(int argc, char *argv[])
{
    pthread_t threads[MOST_THREADS];
    struct work works[MOST_THREADS] = {0};
    int all = 0;
    int count = argc - 2;
    port = argv[1];
    for (int i = 0; i < count; i++) {
        works[i].file = argv[i + 2];
        pthread_create(&threads[i], NULL, work_on, &works[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        all += works[i].bypassed;
    }
    printf("bypassed: %s\n", all == 0 ? "never" : all < count * ROUNDS ? "sometimes" : "always");
    return 0;
}
