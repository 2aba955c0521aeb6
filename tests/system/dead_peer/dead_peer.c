/*
 * The first story: a PHP worker waits for Redis without any timeout, and the network goes away
 * without a word. Each test cuts the link under a worker with the guard and under one without, so
 * that what the guard changes is seen beside what happens anyway.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support.h"

enum { DETECT = 4, MARGIN = 1 }; /* s: the promise is DETECT + 1 s */

static const char *const *detecting(const struct server *server)
{
    return guarded(server, WORDS(text("REDISGUARD_DETECT=%d", DETECT)));
}

static const char *const *php(const char *script, const struct server *server, const char *method)
{
    static const char *words[5];
    words[0] = "php";
    words[1] = text(SOURCE_DIR "/tests/system/dead_peer/%s", script);
    words[2] = text("%d", server->port);
    words[3] = method;
    return words;
}

static int waiting_clients(const struct server *server)
{
    int count = 0;
    const char *clients = redis_ask(server, "CLIENT LIST");
    while ((clients = strstr(clients, "cmd=brpop")) != NULL) {
        clients += strlen("cmd=brpop");
        count++;
    }
    return count;
}

static bool still_waits(struct program *worker)
{
    return strstr(end_program(worker).out, "lost") == NULL;
}

static void brpop_ends_in_time(const char *method)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *bare = start_program(php("brpop.php", server, method), NULL);
    struct program *worker = start_program(php("brpop.php", server, method), detecting(server));
    WAIT_UNTIL(waiting_clients(server) == 2);

    double cut = seconds_now();
    cut_link(server);
    const char *line = wait_for_line(worker, "lost");
    double elapsed = seconds_now() - cut;

    cr_expect(strstr(line, "read error on connection") != NULL, "%s", line);
    cr_expect(elapsed <= DETECT + MARGIN, "noticed only after %.1f s", elapsed);
    cr_expect(still_waits(bare), "without the guard there is nothing to notice it");
}

Test(dead_peer, brpop_after_connect_ends_within_detect_and_a_second)
{
    brpop_ends_in_time("connect");
}

Test(dead_peer, brpop_after_pconnect_ends_within_detect_and_a_second)
{
    brpop_ends_in_time("pconnect");
}

Test(dead_peer, brpop_after_a_reconnect_ends_within_detect_and_a_second)
{
    brpop_ends_in_time("reconnect");
}

Test(dead_peer, a_command_sent_into_the_void_fails_within_detect_and_a_second)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *bare = start_program(php("get_when_told.php", server, NULL), NULL);
    struct program *client =
        start_program(php("get_when_told.php", server, NULL), detecting(server));
    wait_for_line(bare, "connected");
    wait_for_line(client, "connected");

    cut_link(server);
    double cut = seconds_now();
    tell_program(bare, "go\n");
    tell_program(client, "go\n");
    wait_for_line(client, "lost");
    double elapsed = seconds_now() - cut;

    cr_expect(elapsed <= DETECT + MARGIN, "noticed only after %.1f s", elapsed);
    cr_expect(still_waits(bare), "without the guard tcp_retries2 allows a quarter of an hour");
}

Test(dead_peer, a_drop_shorter_than_the_budget_goes_unnoticed)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_program(php("brpop.php", server, "connect"), detecting(server));
    WAIT_UNTIL(waiting_clients(server) == 1);

    cut_link(server);
    /* The first probe is due after KEEPIDLE, a second: it, and no data, is lost. */
    WAIT_UNTIL(strstr(sockets_to(server->port), "timer:(keepalive,") != NULL &&
               strstr(sockets_to(server->port), ",1)") != NULL);
    heal_link();
    redis_ask(server, "LPUSH queue-connect job");

    cr_expect_str_eq(finish_program(worker).out, "waits\npopped\n");
}

/* "timer:(keepalive,49sec,0)": how long until the first probe, on the client's side of it. */
static int keepalive_timer(struct server *server, const char *method, const char *const env[])
{
    int seconds = -1;
    struct program *worker = start_program(php("brpop.php", server, method), env);
    WAIT_UNTIL(waiting_clients(server) == 1);
    const char *sockets = NULL; /* until BRPOP itself is acknowledged there is another timer */
    WAIT_UNTIL(strstr(sockets = sockets_to(server->port), "timer:(on,") == NULL);
    const char *timer = strstr(sockets, "timer:(keepalive,");
    if (timer != NULL)
        sscanf(timer, "timer:(keepalive,%dsec", &seconds);
    end_program(worker);
    WAIT_UNTIL(waiting_clients(server) == 0);
    return seconds;
}

static void timer_stands_at_keepidle(const char *method)
{
    struct server *server = start_redis(NULL);
    const char *const *env = guarded(server, WORDS("REDISGUARD_KEEPIDLE=50"));
    int seconds = keepalive_timer(server, method, env);
    cr_expect(seconds >= 45 && seconds <= 50, "the timer stands at %d s", seconds);
    cr_expect_eq(keepalive_timer(server, method, NULL), -1, "phpredis itself sets no timer");
}

Test(dead_peer, ss_shows_the_timer_at_keepidle_after_connect)
{
    timer_stands_at_keepidle("connect");
}

Test(dead_peer, ss_shows_the_timer_at_keepidle_after_pconnect)
{
    timer_stands_at_keepidle("pconnect");
}

Test(dead_peer, ss_shows_the_timer_at_keepidle_after_a_reconnect)
{
    timer_stands_at_keepidle("reconnect");
}
