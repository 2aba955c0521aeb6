/*
 * A real redis-server for one test: on a free loopback port, without persistence, in the test's own
 * directory. Decides the server's arguments and when it is ready. Called by the system tests.
 */
#include "support.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ATTEMPTS = 20, MOST_ARGUMENTS = 64 };

/* Free at this moment. Somebody may take it before the server does: then we try another. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
                  getsockname(fd, (struct sockaddr *)&address, &length) == 0,
              "no free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static const char *value_of(const char *const options[], const char *name)
{
    for (size_t i = 0; options && options[i]; i++)
        if (strcmp(options[i], name) == 0)
            return options[i + 1];
    return NULL;
}

static char *key_of(const struct server *server)
{
    return text("%s.key", server->certificate);
}

static void make_certificate(struct server *server)
{
    server->certificate = text("%s/redis.crt", scratch_directory());
    output_of(WORDS("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
                    "-keyout", key_of(server), "-out", server->certificate));
}

static size_t append(const char **list, size_t count, const char *const more[])
{
    for (; more && *more; more++) {
        cr_assert(count < MOST_ARGUMENTS, "too many arguments for redis-server");
        list[count++] = *more;
    }
    return count;
}

/* "-::1": not an error where there is no IPv6. */
static const char **command_line(const struct server *server, const char *const options[])
{
    const char **list = calloc(MOST_ARGUMENTS + 1, sizeof *list);
    cr_assert(list, "out of memory");
    size_t count =
        append(list, 0,
               WORDS("redis-server", "--port", text("%d", server->port), "--bind", "127.0.0.1",
                     "-::1", "--unixsocket", server->unix_socket, "--dir", scratch_directory(),
                     "--save", "", "--appendonly", "no", "--daemonize", "no"));
    if (server->tls_port)
        count = append(list, count,
                       WORDS("--tls-port", text("%d", server->tls_port), "--tls-auth-clients", "no",
                             "--tls-cert-file", server->certificate, "--tls-key-file",
                             key_of(server), "--tls-ca-cert-file", server->certificate));
    append(list, count, options);
    return list;
}

static bool runs(struct server *server, const char *const options[])
{
    server->program = start_program(command_line(server, options), NULL);
    return line_or_end(server->program, "Ready to accept connections") != NULL;
}

static bool port_was_taken(struct server *server)
{
    return strstr(server->program->out.text, "Address already in use") != NULL;
}

static struct server *start(const char *const options[], bool with_tls)
{
    static int number; /* a test may run several */
    struct server *server = calloc(1, sizeof *server);
    cr_assert(server, "out of memory");
    server->password = value_of(options, "--requirepass");
    server->unix_socket = text("%s/redis-%d.sock", scratch_directory(), ++number);
    if (with_tls)
        make_certificate(server);

    const char *fixed = value_of(options, "--port");
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        server->port = fixed ? atoi(fixed) : free_port();
        server->tls_port = with_tls ? free_port() : 0;
        if (runs(server, options)) {
            cr_assert_str_eq(redis_ask(server, "PING"), "PONG");
            return server;
        }
        if (fixed || !port_was_taken(server))
            break;
        end_program(server->program);
    }
    struct outcome outcome = finish_program(server->program);
    cr_assert_fail("redis-server does not start:\n%s%s", outcome.out, outcome.err);
    return NULL;
}

struct server *start_redis(const char *const options[])
{
    return start(options, false);
}

struct server *start_redis_with_tls(const char *const options[])
{
    return start(options, true);
}

void stop_redis(struct server *server)
{
    end_program(server->program);
}

static char *reply_text(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        return text("%lld", reply->integer);
    if (reply->type == REDIS_REPLY_NIL)
        return text("(nil)");
    if (reply->type != REDIS_REPLY_ARRAY)
        return text("%.*s", (int)reply->len, reply->str);
    char *lines = text("%s", "");
    for (size_t i = 0; i < reply->elements; i++)
        lines = text("%s%s\n", lines, reply_text(reply->element[i]));
    return lines;
}

/* A connection for each question: nothing of ours stands in the server's list meanwhile. */
char *redis_ask(const struct server *server, const char *format, ...)
{
    redisContext *context = redisConnectUnix(server->unix_socket);
    cr_assert(context && !context->err, "%s: %s", server->unix_socket,
              context ? context->errstr : "out of memory");
    if (server->password)
        freeReplyObject(redisCommand(context, "AUTH %s", server->password));
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    cr_assert(reply, "%s: %s", format, context->errstr);
    char *answer = reply_text(reply);
    freeReplyObject(reply);
    redisFree(context);
    return answer;
}

const char *const *guarded(const struct server *server, const char *const more[])
{
    const char **list = calloc(MOST_ARGUMENTS + 1, sizeof *list);
    cr_assert(list, "out of memory");
    char *ports =
        server->tls_port ? text("%d,%d", server->port, server->tls_port) : text("%d", server->port);
    size_t count =
        append(list, 0, WORDS("LD_PRELOAD=" LIBRARY, text("REDISGUARD_PORTS=%s", ports)));
    append(list, count, more);
    return list;
}
