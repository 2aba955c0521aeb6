/*
 * See sockets.h. Starts programs and holds one unconnected socket; called by the suites about
 * connections, options, the log, the trap and the public functions.
 */
#include "sockets.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MOST_WORDS = 128 };

char *printed_by(const char *const argv[], const char *const env[])
{
    struct outcome outcome = run_program(argv, env);
    cr_assert(outcome.status == 0 && outcome.err[0] == '\0',
              "status %d, signal %d, standard error:\n%s\nstandard output:\n%s", outcome.status,
              outcome.signal, outcome.err, outcome.out);
    return outcome.out;
}

/* Where two long texts part, for the reader of a failure. */
static const char *first_difference(const char *one, const char *other)
{
    const char *line = one;
    for (; *one != '\0' && *one == *other; one++, other++)
        if (*one == '\n')
            line = one + 1;
    return text("%.*s", (int)strcspn(line, "\n"), line);
}

char *printed_alike(const char *const argv[], const char *const env[])
{
    char *bare = printed_by(argv, NULL);
    char *guarded_one = printed_by(argv, env);
    cr_assert_str_eq(guarded_one, bare, "without the guard: %s\nwith it: %s",
                     first_difference(bare, guarded_one), first_difference(guarded_one, bare));
    return guarded_one;
}

char *connect_step(const struct server *server)
{
    return text("connect=127.0.0.1:%d", server->port);
}

char *connect6_step(const struct server *server)
{
    return text("connect=[::1]:%d", server->port);
}

char *connect_mapped_step(const struct server *server)
{
    return text("connect=[::ffff:127.0.0.1]:%d", server->port);
}

char *connect_unix_step(const struct server *server)
{
    return text("connect=%s", server->unix_socket);
}

/* Bound, so that nobody else listens there, and not listening. */
int refusing_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(fd, (struct sockaddr *)&address, length) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    return ntohs(address.sin_port);
}

/* The environment goes to the program alone: strace itself is not under the preload. */
char *calls_of(const char *const argv[], const char *const env[], const char *calls)
{
    const char *words[MOST_WORDS] = {"strace", "-y", "-s", "4096", "-e", text("trace=%s", calls)};
    char *trace = text("%s/trace", scratch_directory());
    size_t count = 6;
    words[count++] = "-o";
    words[count++] = trace;
    for (size_t i = 0; env && env[i]; i++) {
        words[count++] = "-E";
        words[count++] = env[i];
    }
    for (size_t i = 0; argv[i]; i++)
        words[count++] = argv[i];
    cr_assert(count < MOST_WORDS);
    printed_by(words, NULL);
    return content_of(trace);
}

int lines_with(const char *lines, const char *part)
{
    int count = 0;
    for (const char *end = NULL; (end = strchr(lines, '\n')) != NULL; lines = end + 1)
        count += strstr(text("%.*s", (int)(end - lines), lines), part) != NULL;
    return count;
}
