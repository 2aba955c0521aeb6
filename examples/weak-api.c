/*
 * weak-api.c: a program that asks whether its Redis connection is guarded, and runs without the
 * library too: the functions of redisguard.h are weak here, NULL where nobody defines them.
 *
 *     gcc -I ../include -o weak-api weak-api.c
 *     ./weak-api 127.0.0.1 6379
 *     redisguard -- ./weak-api 127.0.0.1 6379
 *
 * Prints library=VERSION (or absent), guarded=1|0|unknown, then releases the connection, so that
 * forked children may share it, and prints released= and guarded= again. Exit status: 0; 1 when it
 * cannot connect, 2 when called wrongly. Compile position-independent code, as compilers do by
 * default: with -fno-pic the linker settles for good that the weak functions are absent.
 */
#define REDISGUARD_WEAK
#include <redisguard.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(host, port, &hints, &found);
    int fd = -1;

    if (failure != 0) {
        fprintf(stderr, "weak-api: %s port %s: %s\n", host, port, gai_strerror(failure));
        return -1;
    }
    for (const struct addrinfo *peer = found; peer != NULL && fd == -1; peer = peer->ai_next) {
        fd = socket(peer->ai_family, peer->ai_socktype, peer->ai_protocol);
        if (fd != -1 && connect(fd, peer->ai_addr, peer->ai_addrlen) != 0) {
            fprintf(stderr, "weak-api: %s port %s: %s\n", host, port, strerror(errno));
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static void print_guarded(int fd)
{
    if (redisguard_guards == NULL)
        puts("guarded=unknown");
    else
        printf("guarded=%d\n", redisguard_guards(fd));
}

static void release(int fd)
{
    if (redisguard_release == NULL)
        puts("released=unneeded");
    else if (redisguard_release(fd) == 0)
        puts("released=1");
    else
        printf("released=0 (%s)\n", strerror(errno));
}

int main(int argc, char **argv)
{
    int fd;

    if (argc != 3) {
        fprintf(stderr, "usage: weak-api HOST PORT\n");
        return 2;
    }
    fd = connect_to(argv[1], argv[2]);
    if (fd == -1)
        return 1;
    printf("library=%s\n", redisguard_version == NULL ? "absent" : redisguard_version());
    print_guarded(fd);
    release(fd);
    print_guarded(fd);
    close(fd);
    return 0;
}
