/*
 * cost_memory PORT DESCRIPTORS: prints how many bytes of memory are this process's own, because it
 * has written to them, before and after it has opened a connection to the port and copied it until
 * it has so many descriptors of it.
 *
 * That is "Anonymous" of proc(5). "Private_Dirty" is the same, but for pages of a file that was
 * just built and is not on the disk yet.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* With system calls only: stdio would allocate between the two looks. */
static long bytes_of_its_own(void)
{
    static char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY);
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    const char *line = length > 0 ? strstr(text, "Anonymous:") : NULL;
    return line == NULL ? -1 : atol(line + strlen("Anonymous:")) * 1024;
}

static int connected(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

int main(int argc, char *argv[])
{
    int port = argc > 2 ? atoi(argv[1]) : 0;
    int descriptors = argc > 2 ? atoi(argv[2]) : 0;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    bytes_of_its_own(); /* binds and touches what the looks themselves do */
    long before = bytes_of_its_own();
    int fd = descriptors > 0 ? connected(port) : 0;
    for (int i = 1; i < descriptors && fd >= 0; i++)
        if (dup(fd) < 0)
            fd = -1;
    long after = bytes_of_its_own();
    if (fd < 0 || before < 0) {
        fputs("cost_memory: connect, dup or smaps failed\n", stderr);
        return 1;
    }
    printf("%ld %ld\n", before, after);
    return 0;
}
