/*
 * Servers of other projects, with and without the guard inside them. A redis-server that is the
 * replica of another forks to save while its link to the master is a guarded connection; a php-fpm
 * is reloaded under load. They must lose nothing and write no new message to their logs.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* As many as the longer run is longer. */
static int factor(void)
{
    const char *wanted = getenv("THIRD_PARTY_LONG");
    return wanted && strcmp(wanted, "1") == 0 ? 10 : 1;
}

/* ---- redis-server ---- */

enum { MASTER_PORT = 7001, REPLICA_PORT = 7002 };

static const char *const replication_guarded[] = {"LD_PRELOAD=" LIBRARY,
                                                  "REDISGUARD_PORTS=7001,7002", NULL, NULL};

static struct server *start_server(const char *name, int port, const char *const env[])
{
    struct server *server = calloc(1, sizeof *server);
    cr_assert(server, "out of memory");
    char *directory = text("%s/%s", scratch_directory(), name);
    output_of(WORDS("mkdir", "-p", directory));
    server->port = port;
    server->unix_socket = text("%s/redis.sock", directory);
    server->program = start_program(
        WORDS("redis-server", "--port", text("%d", port), "--bind", "127.0.0.1", "--dir", directory,
              "--unixsocket", server->unix_socket, "--save", "", "--enable-debug-command", "yes",
              "--repl-diskless-sync-delay", "0", "--repl-backlog-size", "256mb"),
        env);
    wait_for_line(server->program, "Ready to accept connections");
    return server;
}

static bool says(const struct server *server, const char *section, const char *words)
{
    return strstr(redis_ask(server, "INFO %s", section), words) != NULL;
}

static void begin_to_replicate(const struct server *replica)
{
    redis_ask(replica, "REPLICAOF 127.0.0.1 %d", MASTER_PORT);
    wait_for_line(replica->program, "MASTER <-> REPLICA sync: Finished with success");
}

/* A fork within the replica, while commands come in by the connection to its master. */
static void save_both(const struct server *replica)
{
    redis_ask(replica, "BGSAVE");
    wait_for_line(replica->program, "Background saving terminated with success");
    redis_ask(replica, "BGREWRITEAOF");
    wait_for_line(replica->program, "Background AOF rewrite finished successfully");
}

static void lose_the_link(const struct server *replica)
{
    redis_ask(replica, "CLIENT KILL TYPE master");
    wait_for_line(replica->program, "Successful partial resynchronization with master");
}

static void forget_what_was_sent(const struct server *master, const struct server *replica)
{
    redis_ask(master, "DEBUG CHANGE-REPL-ID");
    redis_ask(replica, "CLIENT KILL TYPE master");
    wait_for_line(replica->program, "MASTER <-> REPLICA sync: Finished with success");
}

static char *digest(const struct server *server)
{
    return redis_ask(server, "DEBUG DIGEST");
}

static char *stop(const struct server *server)
{
    kill(server->program->pid, SIGTERM);
    struct outcome outcome = finish_program(server->program);
    cr_assert_eq(outcome.status, 0, "signal %d\n%s", outcome.signal, outcome.out);
    return outcome.out;
}

/* What a server found worth a warning and how often, without pids, times, numbers and replication
 * ids. */
static char *warnings_in(const char *log)
{
    return output_of(WORDS(
        "sh", "-c",
        "sed -En 's/^[0-9]+:[A-Z] .{24} # //; T; s/[0-9a-f]{40}/ID/g; "
        "s/[0-9]+/N/g; s/(Connection with replica) .* lost/\\1 lost/; p' \"$1\" | sort | uniq -c",
        "sh", scratch_file("server.log", log, 0600)));
}

/* Returns the warnings of both servers. */
static char *replicate_under_load(const char *name, const char *const env[])
{
    struct server *master = start_server(text("%s-master", name), MASTER_PORT, env);
    struct server *replica = start_server(text("%s-replica", name), REPLICA_PORT, env);
    redis_ask(replica, "CONFIG SET appendonly yes");
    wait_for_line(replica->program, "Background AOF rewrite finished successfully");
    begin_to_replicate(replica);
    wait_for_line(replica->program, "Background AOF rewrite finished successfully");
    struct program *load =
        start_program(WORDS("redis-benchmark", "-p", text("%d", MASTER_PORT), "--csv", "-c", "20",
                            "-P", "4", "-r", "5000", "-n", text("%d", 20000 * factor()), "-t",
                            "set,incr,lpush,sadd,hset,zadd,spop,lpop"),
                      env);
    WAIT_UNTIL(strcmp(redis_ask(replica, "DBSIZE"), "0") != 0);
    for (int round = 0; round < factor(); round++) {
        save_both(replica);
        lose_the_link(replica);
        forget_what_was_sent(master, replica);
        wait_for_line(replica->program, "Background AOF rewrite finished successfully");
    }
    cr_assert_eq(finish_program(load).status, 0);

    WAIT_UNTIL(strcmp(digest(master), digest(replica)) == 0);
    cr_assert(says(replica, "persistence", "rdb_last_bgsave_status:ok"));
    cr_assert(says(replica, "persistence", "aof_last_bgrewrite_status:ok"));
    char *of_replica = stop(replica);
    return text("master:\n%sreplica:\n%s", warnings_in(stop(master)), warnings_in(of_replica));
}

Test(third_party_servers, replica_under_load_saves_and_resyncs_and_holds_what_its_master_holds)
{
    allow_seconds(150 * factor());
    enter_private_network();
    char *bare = replicate_under_load("bare", NULL);
    char *with_guard = replicate_under_load(
        "guarded", WORDS(replication_guarded[0], replication_guarded[1], LOGGED(log_path())));
    EXPECT_LINES(with_guard, bare);
    char *log = content_of(log_path());
    cr_assert_geq(lines_with(log, " guarded: 127.0.0.1:7001"), 3, "%s", log);
    cr_assert_geq(lines_with(log, " cut off in this child: 127.0.0.1:7001"), 2, "%s", log);
}

/* ---- php-fpm ---- */

enum { RELOADS = 5 };

static const char pool[] = "[global]\nprocess_control_timeout = 20s\nerror_log = %s/fpm.log\n"
                           "[www]\nuser = root\ngroup = root\nlisten = %s/fpm.sock\n"
                           "pm = static\npm.max_children = 4\n";

static struct program *start_fpm(const char *const env[])
{
    char *configuration =
        scratch_file("fpm.conf", text(pool, scratch_directory(), scratch_directory()), 0600);
    struct program *fpm =
        start_program(WORDS("/usr/sbin/php-fpm8.2", "--nodaemonize", "--force-stderr",
                            "--allow-to-run-as-root", "--fpm-config", configuration),
                      env);
    wait_for_line(fpm, "ready to handle connections");
    return fpm;
}

static char *answers(void)
{
    return text("%s/answers", scratch_directory());
}

/* Four clients at a time; the guard is not in them. To a file: nobody reads what they print before
 * the last of them has ended. */
static struct program *start_requests(const struct server *redis, int number)
{
    return start_program(
        WORDS("sh", "-c", "seq \"$1\" | xargs -P 4 -I @ cgi-fcgi -bind -connect \"$2\" > \"$3\"",
              "sh", text("%d", number), text("%s/fpm.sock", scratch_directory()), answers()),
        WORDS("REQUEST_METHOD=GET",
              "SCRIPT_FILENAME=" SOURCE_DIR "/tests/system/apps/third_party/hit.php",
              text("REDIS_PORT=%d", redis->port)));
}

static int hits(const struct server *redis)
{
    return atoi(redis_ask(redis, "GET hits"));
}

static void expect_every_request_answered(const char *const env[], const struct server *redis)
{
    const int requests = 300 * factor();
    redis_ask(redis, "DEL hits");
    struct program *fpm = start_fpm(env);
    struct program *load = start_requests(redis, requests);
    for (int reload = 1; reload <= RELOADS; reload++) {
        WAIT_UNTIL(hits(redis) >= requests * reload / (RELOADS + 2));
        kill(fpm->pid, SIGUSR2);
        wait_for_line(fpm, "ready to handle connections");
    }
    /* cgi-fcgi's exit status says little: without the guard, too, it is at times not 0 after a
     * whole answer. */
    struct outcome clients = finish_program(load);
    int answered = lines_with(content_of(answers()), "answered completely");
    cr_assert_eq(answered, requests, "%s: %d of %d answered, %d hits\n%s\n%s\nphp-fpm:\n%s",
                 env ? "guarded" : "bare", answered, requests, hits(redis), content_of(answers()),
                 clients.err, fpm->err.text);
    cr_assert_eq(hits(redis), requests);
    kill(fpm->pid, SIGQUIT);
    struct outcome server = finish_program(fpm);
    cr_assert_eq(server.status, 0, "%s", server.err);
    cr_assert_eq(lines_with(server.err, "NOTICE: "), lines_with(server.err, ""), "%s", server.err);
}

Test(third_party_servers, php_fpm_reloaded_under_load_answers_every_request)
{
    allow_seconds(150 * factor());
    struct server *redis = start_redis(NULL);
    expect_every_request_answered(NULL, redis);
    expect_every_request_answered(guarded(redis, WORDS(LOGGED(log_path()))), redis);
    char *log = content_of(log_path());
    cr_assert_geq(lines_with(log, " guarded: 127.0.0.1:"), RELOADS + 1, "%s", log);
}
