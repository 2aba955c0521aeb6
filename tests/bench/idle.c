/*
 * idle CONNECTIONS SECONDS: opens connections over loopback, leaves them idle that long, and prints
 * what the kernel has counted meanwhile: keepalive probes, packets, bytes of IP. To be run in a
 * network namespace where nothing else goes on.
 */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct counted {
    long long probes, packets, bytes;
};

/* Two lines a group: the names, then the numbers in their order. */
static long long probes_sent(void)
{
    static char names[8192], numbers[8192];
    long long probes = -1;
    FILE *file = fopen("/proc/net/netstat", "r");
    while (file != NULL && fgets(names, sizeof names, file) &&
           fgets(numbers, sizeof numbers, file)) {
        char *rest = NULL;
        char *more = NULL;
        char *number = strtok_r(numbers, " ", &more);
        for (char *name = strtok_r(names, " ", &rest); name != NULL && number != NULL;
             name = strtok_r(NULL, " ", &rest), number = strtok_r(NULL, " ", &more))
            if (strcmp(name, "TCPKeepAlive") == 0)
                probes = atoll(number);
    }
    if (file != NULL)
        fclose(file);
    return probes;
}

static struct counted count(void)
{
    struct counted counted = {.probes = probes_sent()};
    char line[512];
    FILE *file = fopen("/proc/net/dev", "r");
    while (file != NULL && fgets(line, sizeof line, file))
        if (sscanf(line, " lo: %lld %lld", &counted.bytes, &counted.packets) == 2)
            break; /* lo counts without the Ethernet header */
    if (file != NULL)
        fclose(file);
    return counted;
}

int main(int argc, char *argv[])
{
    if (argc < 3) {
        fputs("usage: idle CONNECTIONS SECONDS\n", stderr);
        return 2;
    }
    start_peer();
    for (int i = atoi(argv[1]); i > 0; i--)
        connect_to_listener();
    usleep(1500000); /* the first probes are sent: all later ones come in time with them */
    struct counted before = count();
    int64_t start = nanoseconds();
    sleep((unsigned)atoi(argv[2]));
    struct counted after = count();
    double seconds = (double)(nanoseconds() - start) / 1e9;
    printf("%.3f %lld %lld %lld\n", seconds, after.probes - before.probes,
           after.packets - before.packets, after.bytes - before.bytes);
    return 0;
}
