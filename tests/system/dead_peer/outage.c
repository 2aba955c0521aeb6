/*
 * The outage suite: an outage that the workers have noticed heals, and no job is lost that is
 * pushed after it, although redis-server still believes in the connections that died. The worker
 * programs of the fault laboratory, in three networks in a row: theirs, a router's, the server's.
 * All kinds of worker share one outage, each kind with a queue of its own.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sockets.h"

#define SCRIPTS  SOURCE_DIR "/tests/lab/clients/"
#define BINARIES BUILD_DIR "/tests/lab/clients/"

enum {
    WORKERS = 20, /* of each kind */
    JOBS = 100,   /* for each kind */
    OUTAGE_S = 9, /* longer than REDISGUARD_DETECT */
    FIN_S = 1,    /* the kernel repeats an unanswered FIN once a second */
};

/* ---- three networks in a row ---- */

enum place { CLIENT, ROUTER, SERVER, PLACES };

static int network[PLACES];

/* What this test starts from here on runs there. */
static void go_to(enum place place)
{
    cr_assert(setns(network[place], CLONE_NEWNET) == 0, "setns: %s", strerror(errno));
}

static void make_network(enum place place)
{
    enter_private_network();
    network[place] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    cr_assert(network[place] >= 0, "/proc/thread-self/ns/net: %s", strerror(errno));
}

static void shell(const char *commands)
{
    output_of(WORDS("sh", "-ec", text("PATH=$PATH:/usr/sbin\n%s", commands)));
}

static const char *path_of(enum place place)
{
    return text("/proc/%d/fd/%d", getpid(), network[place]);
}

#define TO_CLIENT      "10.0.1.1"
#define TO_SERVER      "10.0.2.1"
#define SERVER_ADDRESS "10.0.2.2"

static void need_nf_tables(void)
{
    struct outcome outcome = run_program(WORDS("/usr/sbin/nft", "add table ip middlebox"), NULL);
    if (strstr(outcome.err, "Operation not supported"))
        cr_skip_test("needs a kernel with nf_tables");
}

/* rules: the router's, for nft(8). */
static void connect_networks(const char *rules)
{
    for (enum place place = CLIENT; place < PLACES; place++)
        make_network(place);
    need_nf_tables();
    go_to(ROUTER);
    shell(text("ip link add near type veth peer name uplink netns %s\n"
               "ip link add far type veth peer name uplink netns %s\n"
               "ip addr add " TO_CLIENT "/24 dev near; ip link set near up\n"
               "ip addr add " TO_SERVER "/24 dev far; ip link set far up\n"
               "echo 1 >/proc/sys/net/ipv4/ip_forward\n"
               "nft 'table ip middlebox { %s }'\n",
               path_of(CLIENT), path_of(SERVER), rules));
    go_to(CLIENT);
    shell("ip addr add 10.0.1.2/24 dev uplink; ip link set uplink up\n"
          "ip route add default via " TO_CLIENT "\n");
    go_to(SERVER);
    shell("ip addr add " SERVER_ADDRESS "/24 dev uplink; ip link set uplink up\n"
          "ip route add default via " TO_SERVER "\n");
}

static void cut_and_heal(void)
{
    go_to(ROUTER);
    shell("nft 'table ip outage { chain f { type filter hook forward priority -1; drop; }; }'");
    sleep(OUTAGE_S);
    shell("nft delete table ip outage");
}

/* ---- workers ---- */

struct workers {
    const char *command;
    int read_timeout;  /* s, their own; 0: none */
    const char *reset; /* REDISGUARD_RESET_HALF_OPEN */
    char *queue;
    struct program *program;
};

#define PHPREDIS   "php " SCRIPTS "worker_phpredis.php"
#define REDIS_PY   "/usr/bin/python3 -B " SCRIPTS "worker_redis_py.py"
#define HIREDIS    BINARIES "worker_hiredis"
#define JVM_SOCKET "java -XX:TieredStopAtLevel=1 -cp " BINARIES " JvmWorker"

static struct workers all_workers[] = {
    {PHPREDIS, 0, "1", NULL, NULL},   {PHPREDIS, 0, "0", NULL, NULL},
    {REDIS_PY, 0, "1", NULL, NULL},   {REDIS_PY, 0, "0", NULL, NULL},
    {REDIS_PY, 60, "1", NULL, NULL},  {REDIS_PY, 60, "0", NULL, NULL},
    {HIREDIS, 0, "1", NULL, NULL},    {HIREDIS, 0, "0", NULL, NULL},
    {JVM_SOCKET, 0, "1", NULL, NULL}, {JVM_SOCKET, 0, "0", NULL, NULL},
    {PHPREDIS, 4, "1", NULL, NULL},   {PHPREDIS, 4, "0", NULL, NULL},
};
enum { KINDS = sizeof all_workers / sizeof *all_workers };

/* They close a connection while the guard's time has not passed. */
static bool give_up_first(const struct workers *workers)
{
    return workers->read_timeout != 0 && workers->read_timeout < OUTAGE_S;
}

static void wait_for_connections(struct workers *workers)
{
    for (int i = 0; i < WORKERS; i++)
        wait_for_line(workers->program, "connected");
}

static void start_workers(struct workers *workers, const struct server *server)
{
    workers->queue = text("queue-%d", (int)(workers - all_workers));
    workers->program = start_program(
        WORDS("sh", "-c",
              text("exec %s " SERVER_ADDRESS " %d %s %d %d", workers->command, server->port,
                   workers->queue, WORKERS, workers->read_timeout)),
        guarded(server, WORDS("REDISGUARD_DETECT=5",
                              text("REDISGUARD_RESET_HALF_OPEN=%s", workers->reset))));
}

static void start_those(bool who_give_up_first, const struct server *server)
{
    for (int i = 0; i < KINDS; i++)
        if (give_up_first(&all_workers[i]) == who_give_up_first)
            start_workers(&all_workers[i], server);
    for (int i = 0; i < KINDS; i++)
        if (give_up_first(&all_workers[i]) == who_give_up_first)
            wait_for_connections(&all_workers[i]);
}

static int blocked_clients(const struct server *server)
{
    const char *found = strstr(redis_ask(server, "INFO clients"), "blocked_clients:");
    return found ? atoi(strchr(found, ':') + 1) : 0;
}

static bool is_taken(const struct server *server, const struct workers *workers)
{
    return strcmp(redis_ask(server, "LLEN %s", workers->queue), "0") == 0;
}

static void push_jobs(const struct server *server, const struct workers *workers)
{
    char *push = text("RPUSH %s", workers->queue);
    for (int job = 1; job <= JOBS; job++)
        push = text("%s job-%d", push, job);
    redis_ask(server, push);
}

static void push_to_those(bool who_give_up_first, const struct server *server)
{
    for (int i = 0; i < KINDS; i++)
        if (give_up_first(&all_workers[i]) == who_give_up_first)
            push_jobs(server, &all_workers[i]);
}

/* A worker says which job it has before it asks for the next; once all are blocked again, whatever
 * has not arrived went into a connection that nobody reads. */
static void wait_until_jobs_are_taken(const struct server *server)
{
    for (int i = 0; i < KINDS; i++)
        WAIT_UNTIL(is_taken(server, &all_workers[i]));
    WAIT_UNTIL(blocked_clients(server) == KINDS * WORKERS);
}

static int arrived(struct workers *workers)
{
    const char *out = end_program(workers->program).out;
    int count = 0;
    for (int job = 1; job <= JOBS; job++)
        count += strstr(out, text("job job-%d\n", job)) != NULL;
    return count;
}

/* Then it is chance whether another's new connection took the port of a dead one, and reset it too,
 * and whether an event loop, which does not wait, found the port free. */
static bool ports_are_scarce;

static bool is_left_to_chance(const struct workers *workers)
{
    return ports_are_scarce && (workers->read_timeout != 0 || strcmp(workers->reset, "1") != 0);
}

/* The FIN of workers that give up first gets its time with every setting. */
static bool loses_none(const struct workers *workers)
{
    return give_up_first(workers) || strcmp(workers->reset, "1") == 0;
}

static void judge(struct workers *workers)
{
    int jobs = arrived(workers);
    if (is_left_to_chance(workers))
        return;
    cr_expect(loses_none(workers) ? jobs == JOBS : jobs < JOBS,
              "%s, read timeout %d, REDISGUARD_RESET_HALF_OPEN=%s: %d of %d jobs arrived",
              workers->command, workers->read_timeout, workers->reset, jobs, JOBS);
}

static void lose_no_job(void)
{
    go_to(SERVER);
    struct server *server = start_redis(WORDS("--port", "6379", "--bind", "0.0.0.0",
                                              "--protected-mode", "no", "--tcp-keepalive", "300"));
    go_to(CLIENT);
    start_those(false, server);
    start_those(true, server); /* the outage begins before their timeout has passed */
    WAIT_UNTIL(blocked_clients(server) == KINDS * WORKERS);

    cut_and_heal();
    for (int i = 0; i < KINDS; i++)
        wait_for_connections(&all_workers[i]);
    push_to_those(false, server);
    sleep(FIN_S);
    push_to_those(true, server);
    wait_until_jobs_are_taken(server);
    for (int i = 0; i < KINDS; i++)
        judge(&all_workers[i]);
}

#define DROP_INVALID                                                                               \
    "chain filter { type filter hook forward priority 0; ct state invalid drop; }; "

Test(outage, workers_lose_no_job)
{
    connect_networks("");
    lose_no_job();
}

Test(outage, workers_behind_masquerade_lose_no_job)
{
    connect_networks(
        DROP_INVALID
        "chain nat { type nat hook postrouting priority 100; oifname \"far\" masquerade; };");
    lose_no_job();
}

Test(outage, workers_behind_a_strict_firewall_lose_no_job)
{
    connect_networks("chain filter { type filter hook forward priority 0; policy drop; "
                     "ct state established,related accept; "
                     "ct state new tcp flags & (syn | ack) == syn accept; };");
    lose_no_job();
}

/* 500 ports, for connect(2) takes the even ones first, and 240 connections: one that connects
 * during the outage, and gives up, may hold the port that a knock needs. */
Test(outage, workers_with_few_ports_lose_no_job)
{
    ports_are_scarce = true;
    connect_networks("");
    go_to(CLIENT);
    shell("echo 40000 41000 >/proc/sys/net/ipv4/ip_local_port_range");
    lose_no_job();
}
