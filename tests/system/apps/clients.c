/*
 * The client matrix: what a forked child, and its parent, see of a connection that was opened
 * before the fork, for each client, without and with the guard, over TCP and TLS. The drivers in
 * clients/ and programs/clients_*.c do it and say what they saw; here is judged what the guard
 * promises for every client. All that they said goes to BUILD_DIR/clients/NAME.tsv, of which
 * clients/table makes the table in apps/RESULTS.md, and what is a client's own is compared there.
 *
 * A driver is called with the name of a scenario as its last argument. Its master connects, logs in
 * and selects a database as its environment says (REDIS_HOST, REDIS_PORT, REDIS_PASSWORD,
 * REDIS_DATABASE; REDIS_CA: over TLS), forks, and the processes print, a line each:
 *
 *     version V          of the client
 *     login program      after an error it is the program that connects and logs in again
 *     first ANSWER       to the first GET of a child over what it inherited: right (the value of
 *                        a key is its name), wrong, or the kind of error
 *     reply ANSWER       to each GET whose answer was not right
 *     database VALUE     of the key `where` after that, which holds the database's number
 *     worked ANSWER      to the SET of a child that has GETs behind it: ok, or the kind of error
 *     child ANSWER       where it asks once: heard, queued, ok, or the kind of error
 *     child stuck        or "killed by N": its end, where it was no ordinary one
 *     master same        its CLIENT ID at the end is what it was, or other, or the kind of error
 *
 * In `gets` WORKERS children each GET GETS keys of their own. In `pop` the master waits in BLPOP
 * while a child, told so by a line on standard input, does that and SETs the key `worked`; the
 * master says "popped LIST ELEMENT". In `multi` the child SETs a key within the master's MULTI; its
 * EXEC has so many replies: "transaction N". In `subscribe` the master has subscribed to CHANNEL,
 * at the first message it forks, says "forked yes", and the child reads on until it has heard one
 * message; the master says how many it has "lost". A process that waits longer than PATIENCE
 * seconds, where the master has to wait for others twice as long, is stuck: SIGALRM ends it.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS SOURCE_DIR "/tests/system/apps/clients/"

enum { WORKERS = 4, GETS = 250, DATABASE_WITHOUT = 5, DATABASE_WITH };

static const char *const scenarios[] = {"gets", "pop", "subscribe", "multi"};
enum { GETS_RUN, POP, SUBSCRIBE, MULTI, SCENARIOS };

struct client {
    const char *const *driver;
    const char *name;
    enum { TCP = 1, TLS = 2 } transports;
    enum { NAIVE, MINDS_FORK } kind; /* NAIVE: without the guard everything goes wrong */
};

/* What its driver said, run in one way. */
struct column {
    const char *transport; /* tcp or tls */
    const char *guard;     /* without or with */
    const struct server *server;
    int database;
    int patience; /* seconds */
    struct program *drivers[SCENARIOS];
    struct program *messages;
    bool told, popped;
    char *said[SCENARIOS];
    char *complained[SCENARIOS];
};

/* ---- the server's side ---- */

/* One server for both columns, a database for each; every connection needs the password. */
static struct server *server_with_keys(bool tls)
{
    const char *const *options = WORDS("--requirepass", "secret");
    struct server *server = tls ? start_redis_with_tls(options) : start_redis(options);
    redis_ask(server, "SET where 0");
    for (int database = DATABASE_WITHOUT; database <= DATABASE_WITH; database++)
        redis_ask(server, "EVAL %s 0 %d %d %d",
                  "redis.call('select', ARGV[1]) redis.call('set', 'where', ARGV[1]) "
                  "for worker = 0, ARGV[2] - 1 do for get = 0, ARGV[3] - 1 do "
                  "local key = 'key:' .. worker .. ':' .. get redis.call('set', key, key) end end",
                  database, WORKERS, GETS);
    return server;
}

static char *channel_of(const struct column *column)
{
    return text("ticks-%d", column->database);
}

static int port_of(const struct column *column)
{
    bool tls = strcmp(column->transport, "tls") == 0;
    return tls ? column->server->tls_port : column->server->port;
}

/* What npm has fetched; clients.mk. */
#define NODE_MODULES BUILD_DIR "/clients/node/node_modules"

static const char *const *environment(const struct column *column)
{
    const struct server *server = column->server;
    bool tls = strcmp(column->transport, "tls") == 0;
    const char *const *mine = WORDS(
        "REDIS_HOST=127.0.0.1", text("REDIS_PORT=%d", port_of(column)),
        text("REDIS_PASSWORD=%s", server->password), text("REDIS_DATABASE=%d", column->database),
        text("CHANNEL=%s", channel_of(column)), text("REDIS_CA=%s", tls ? server->certificate : ""),
        text("WORKERS=%d", WORKERS), text("GETS=%d", GETS), text("PATIENCE=%d", column->patience),
        "NODE_PATH=" NODE_MODULES);
    if (strcmp(column->guard, "with") == 0)
        return guarded(server, mine);
    const char **list = calloc(16, sizeof *list);
    cr_assert(list, "out of memory");
    for (size_t i = 0; mine[i]; i++)
        list[i] = mine[i];
    return list;
}

/* This column's connection with these flags, as the server lists it: b blocked, P subscribed. */
static char *listed(const struct column *column, const char *flags)
{
    const char *database = text(" db=%d ", column->database);
    char *list = redis_ask(column->server, "CLIENT LIST");
    for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n"))
        if (strstr(line, text(" flags=%s ", flags)) && strstr(line, database))
            return line;
    return NULL;
}

/* Has it read all, the word that it is subscribed too? Perl Redis does not see a message that came
 * together with that. */
static bool subscriber_waits(const struct column *column)
{
    const char *line = listed(column, "P");
    int port = 0;
    int unread = 1;
    if (!line || sscanf(strstr(line, " addr="), " addr=127.0.0.1:%d", &port) != 1)
        return false;
    char *sockets = sockets_to(port_of(column));
    const char *local = text(" 127.0.0.1:%d ", port);
    for (char *each = strtok(sockets, "\n"); each; each = strtok(NULL, "\n"))
        if (strstr(each, local))
            sscanf(each, "%*s %d", &unread);
    return unread == 0;
}

static char *in_database(const struct column *column, const char *command)
{
    return redis_ask(column->server, "EVAL %s 0 %d",
                     text("redis.call('select', ARGV[1]) return redis.call(%s)", command),
                     column->database);
}

/* Has the child had its answers, or does its first question wait behind the master's BLPOP? */
static bool child_was_heard(const struct column *column)
{
    const char *blocked = listed(column, "b");
    return !blocked || strtoul(strstr(blocked, " qbuf=") + 6, NULL, 10) > 0 ||
           strcmp(in_database(column, "'exists', 'worked'"), "1") == 0;
}

/* A numbered message every 10 ms. */
static struct program *start_messages(const struct column *column)
{
    return start_program(WORDS("redis-cli", "-s", column->server->unix_socket, "-a",
                               column->server->password, "--no-auth-warning", "-r", "-1", "-i",
                               "0.01", "EVAL",
                               "return redis.call('publish', KEYS[1], redis.call('incr', KEYS[1]))",
                               "1", channel_of(column)),
                         NULL);
}

/* Does what is due: a message for the master to fork at, and more when it has; in its BLPOP, the
 * word for its child to begin, and the element when the child has been heard. */
static bool attended(struct column *column)
{
    if (!column->messages && subscriber_waits(column)) {
        redis_ask(column->server, "PUBLISH %s 0", channel_of(column));
        wait_for_line(column->drivers[SUBSCRIBE], "forked");
        column->messages = start_messages(column);
    }
    if (!column->told && listed(column, "b")) {
        tell_program(column->drivers[POP], "go\n");
        column->told = true;
    }
    if (column->told && !column->popped && child_was_heard(column)) {
        in_database(column, "'rpush', 'queue', 'job'");
        column->popped = true;
    }
    return column->messages && column->popped;
}

static bool both_attended(struct column *one, struct column *other)
{
    bool first = attended(one);
    return attended(other) && first;
}

/* ---- one column ---- */

static const char *const *with_word(const char *const words[], const char *last)
{
    const char **list = calloc(16, sizeof *list);
    cr_assert(list, "out of memory");
    size_t count = 0;
    for (; words[count]; count++)
        list[count] = words[count];
    list[count] = last;
    return list;
}

/* All scenarios at the same time, each over a connection of its own. */
static void start_all(const struct client *client, struct column *column)
{
    for (int run = 0; run < SCENARIOS; run++)
        column->drivers[run] =
            start_program(with_word(client->driver, scenarios[run]), environment(column));
}

static void finish_all(struct column *column)
{
    for (int run = 0; run < SCENARIOS; run++) {
        struct outcome outcome = finish_program(column->drivers[run]);
        const char *end = outcome.signal == SIGALRM ? "master stuck\n"
                          : outcome.status != 0     ? "master failed\n"
                                                    : "";
        column->said[run] = text("%s%s", outcome.out, end);
        column->complained[run] = outcome.err;
    }
    end_program(column->messages);
}

/* ---- what the guard promises for every client ---- */

static bool says(const char *said, const char *line)
{
    return strstr(said, text("\n%s\n", line)) != NULL;
}

static bool has_trouble(const char *said)
{
    static const char *const troubles[] = {"reply wrong",  "first wrong", "child stuck",
                                           "child killed", "child exit",  "master stuck",
                                           "master failed"};
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++)
        if (strstr(said, troubles[i]))
            return true;
    return false;
}

/* No wrong reply, nobody stuck or killed, at most one error a child, then answers from the right
 * database; and the master has lost nothing, its connection least of all. */
static bool went_well(const struct column *column, int run)
{
    static const char *const ends[] = {"master same", "popped queue job", "lost 0",
                                       "transaction 1"};
    static const int workers[] = {WORKERS, 1, 0, 0};
    const char *said = column->said[run];
    return !has_trouble(said) && says(said, ends[run]) &&
           (run == SUBSCRIBE || says(said, "master same")) &&
           lines_with(said, "reply ") <= workers[run] &&
           lines_with(said, text("database %d", column->database)) == workers[run];
}

static void expect_of_each(const struct client *client, const struct column *column, bool well)
{
    for (int run = 0; run < SCENARIOS; run++)
        cr_expect(went_well(column, run) == well, "%s over %s, %s the guard, %s:\n%s%s",
                  client->name, column->transport, column->guard, scenarios[run], column->said[run],
                  column->complained[run]);
}

static char *results_of(const struct column *column)
{
    char *results = text("%s", "");
    for (int run = 0; run < SCENARIOS; run++) {
        char *said = text("well %s\n%s", went_well(column, run) ? "yes" : "no", column->said[run]);
        for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n"))
            results = text("%s%s\t%s\t%s\t%s\n", results, column->transport, column->guard,
                           scenarios[run], line);
    }
    return results;
}

/* Returns all results. */
static char *compare(const struct client *client, const char *transport)
{
    bool tls = strcmp(transport, "tls") == 0;
    const struct server *server = server_with_keys(tls);
    struct column without = {transport, "without", server, DATABASE_WITHOUT,
                             .patience = client->kind == MINDS_FORK ? 25 : 2};
    struct column with = {transport, "with", server, DATABASE_WITH, .patience = 25};
    start_all(client, &without);
    start_all(client, &with);
    WAIT_UNTIL(both_attended(&without, &with));
    finish_all(&without);
    finish_all(&with);
    if (client->kind == NAIVE)
        expect_of_each(client, &without, false);
    expect_of_each(client, &with, true);
    return text("%s%s", results_of(&without), results_of(&with));
}

/* Whole or not at all: somebody else may be testing the same build. */
static void keep(const struct client *client, const char *results)
{
    char *whole = text(BUILD_DIR "/clients/.%s.%d", client->name, getpid());
    output_of(WORDS("mkdir", "-p", BUILD_DIR "/clients"));
    output_of(WORDS("cp", scratch_file("results", results, 0644), whole));
    output_of(WORDS("mv", whole, text(BUILD_DIR "/clients/%s.tsv", client->name)));
}

static void matrix(struct client client)
{
    if (strcmp(client.driver[0], "node") == 0 && access(NODE_MODULES, F_OK) != 0)
        cr_skip_test("npm could not fetch the clients of Node");
    char *tcp = client.transports & TCP ? compare(&client, "tcp") : "";
    char *tls = client.transports & TLS ? compare(&client, "tls") : "";
    keep(&client, text("%s%s", tcp, tls));
}

#define MATRIX(name, transports, kind, ...)                                                        \
    Test(clients, name)                                                                            \
    {                                                                                              \
        matrix((struct client){WORDS(__VA_ARGS__), #name, transports, kind});                      \
    }

MATRIX(phpredis_connect, TCP | TLS, NAIVE, "php", CLIENTS "phpredis.php", "connect")
MATRIX(phpredis_pconnect, TCP | TLS, NAIVE, "php", CLIENTS "phpredis.php", "pconnect")
MATRIX(predis, TCP | TLS, NAIVE, "php", CLIENTS "predis.php")
MATRIX(hiredis, TCP, NAIVE, PROGRAMS "clients_hiredis")
MATRIX(hiredis_libevent, TCP, NAIVE, PROGRAMS "clients_libevent")
MATRIX(redis_py_pool, TCP | TLS, MINDS_FORK, "/usr/bin/python3", "-B", CLIENTS "redis_py.py",
       "pool")
MATRIX(redis_py_connection, TCP | TLS, NAIVE, "/usr/bin/python3", "-B", CLIENTS "redis_py.py",
       "connection")
MATRIX(redis_rb, TCP | TLS, MINDS_FORK, "/usr/bin/ruby", CLIENTS "redis_rb.rb")
MATRIX(hiredis_rb, TCP, NAIVE, "/usr/bin/ruby", CLIENTS "hiredis_rb.rb")
MATRIX(perl_redis, TCP | TLS, MINDS_FORK, "/usr/bin/perl", CLIENTS "redis.pl", "Redis")
MATRIX(perl_redis_fast, TCP, MINDS_FORK, "/usr/bin/perl", CLIENTS "redis.pl", "Redis::Fast")
MATRIX(lua_redis, TCP, NAIVE, "lua5.1", CLIENTS "lua_redis.lua")
MATRIX(ioredis_fork, TCP, MINDS_FORK, "node", CLIENTS "ioredis.js", "fork")
MATRIX(ioredis_cluster, TLS, MINDS_FORK, "node", CLIENTS "ioredis.js", "cluster")
MATRIX(node_redis_fork, TCP, MINDS_FORK, "node", CLIENTS "node_redis.js", "fork")
MATRIX(node_redis_cluster, TLS, MINDS_FORK, "node", CLIENTS "node_redis.js", "cluster")
MATRIX(redis_cli, TCP | TLS, MINDS_FORK, "bash", CLIENTS "redis_cli.bash")

/* redis-cli asks for 15 s by itself; what it is told to be guarded with stands. */
Test(clients, redis_cli_keeps_guards_keepalive)
{
    struct server *server = start_redis(NULL);
    struct program *cli = start_program(WORDS("redis-cli", "-p", text("%d", server->port)),
                                        guarded(server, WORDS("REDISGUARD_KEEPIDLE=50")));
    tell_program(cli, "ECHO ready\n");
    wait_for_line(cli, "ready");
    const char *timer = strstr(sockets_to(server->port), "timer:(keepalive,");
    int seconds = -1;
    if (timer != NULL)
        sscanf(timer, "timer:(keepalive,%dsec", &seconds);
    cr_expect(seconds > 15 && seconds <= 50, "the timer stands at %d s", seconds);
    cr_expect_eq(finish_program(cli).status, 0);
}

Test(clients, redis_cli_prints_the_same_with_guard)
{
    struct server *server = start_redis(NULL);
    const char *const *ask = WORDS("redis-cli", "-p", text("%d", server->port), "INCRBY", "n", "0");
    struct outcome bare = run_program(ask, NULL);
    struct outcome with = run_program(ask, guarded(server, NULL));
    cr_expect_eq(bare.status, with.status);
    cr_expect_str_eq(bare.out, with.out);
    cr_expect_str_eq(bare.err, with.err);
}
