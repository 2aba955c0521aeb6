/*
 * What the prefork files share: a Redis whose replies can be told right from wrong, requests that
 * make every worker of a server speak at once, and what is then expected of replies, connections
 * and master. Each master connects before it forks WORKERS workers; the applications are in
 * prefork/, and listen on port 8080 of the test's own network.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_PREFORK_H
#define REDISGUARD_TESTS_SYSTEM_PREFORK_H

#include "support.h"

enum { WORKERS = 3 };

#define APPLICATIONS SOURCE_DIR "/tests/system/apps/prefork"

/* Call it first: it enters a private network. */
struct server *start_redis_for_workers(void);

/* The environment of a server and its workers, without and with the guard: what the applications
 * ask for, and more. */
const char *const *bare_workers(const struct server *redis, const char *const more[]);
const char *const *guarded_workers(const struct server *redis, const char *const more[]);

/* Before a command: not as root, and yet whoever owns root's files. */
#define AS_ORDINARY_USER "unshare", "--user", "--map-user=1000", "--map-group=1000"
void needs_user_namespaces(void);

/* A command that sends one request and prints the answer. */
#define HTTP_REQUEST                                                                               \
    WORDS("bash", "-c",                                                                            \
          "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3")

/* Has every worker answer one request, all at the same time. Returns their answers, a line each. */
char *answers_of_workers(const char *const request[]);

/* Waits until just one socket is connected to Redis and this many processes hold it: before the
 * first request the master does, and without the guard every worker. */
void wait_for_one_socket_with(int holders, const struct server *redis);

/* "number last-command" of the master's connection, as the server sees it; NULL: there is none. */
char *masters_connection(const struct server *redis);

/* Some of the replies to workers are somebody else's. */
void expect_replies_astray(const char *const request[]);

/* None is, and no client gets an error; each worker becomes a client of its own; no socket has two
 * holders; on the master's connection nobody has spoken. */
void expect_replies_right(const struct server *redis, const char *const request[]);

/* Ends the server by SIGTERM to its master, which says that it still has the connection that it
 * opened. */
void end_in_order(struct program *server, pid_t master);

#endif
