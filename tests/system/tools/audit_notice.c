/*
 * The audit's second question: how soon would a dead peer be noticed? What it says must be what the
 * kernel does.
 */
#include "audit.h"

#define KEEPALIVE(idle, interval, probes)                                                          \
    "set=KEEPALIVE:1", "set=KEEPIDLE:" #idle, "set=KEEPINTVL:" #interval, "set=KEEPCNT:" #probes

/* The audit of one connection that was made and tuned by these steps. */
static char *audit_of(const char *const env[], const char *const steps[], int status)
{
    struct server *redis = start_redis(NULL);
    const char *words[16] = {PROGRAMS "sockets", "socket=tcp", connect_step(redis)};
    int count = 3;
    for (; *steps != NULL; steps++)
        words[count++] = *steps;
    words[count] = "hold";
    holding(words, env == NULL ? NULL : guarded(redis, env));
    return audit(redis, status);
}

Test(audit_notice, without_keepalive_a_dead_peer_is_never_noticed)
{
    char *printed = audit_of(NULL, WORDS(NULL), FAULTS);
    expect_part(printed, "fail ");
    expect_part(printed, " no      never ");
    expect_part(printed, " keepalive off, timer -, ");
    expect_part(printed, "0 in order, 0 shared, 0 unknown, 1 unnoticed for more than 3600 s");
}

Test(audit_notice, without_keepalive_a_user_timeout_does_not_help_who_only_waits)
{
    expect_part(audit_of(NULL, WORDS("set=USER_TIMEOUT:5000"), FAULTS), " no      never ");
}

Test(audit_notice, an_hour_is_in_order)
{
    char *printed = audit_of(NULL, WORDS(KEEPALIVE(3000, 60, 10)), ALL_WELL);
    expect_part(printed, " 3600s ");
    expect_part(printed, " keepalive 3000s+10x60s, timer keepalive:");
}

Test(audit_notice, a_second_more_is_not)
{
    expect_part(audit_of(NULL, WORDS(KEEPALIVE(3001, 60, 10)), FAULTS), " 3601s ");
}

Test(audit_notice, a_user_timeout_of_more_than_an_hour_is_not_either)
{
    expect_part(audit_of(NULL, WORDS(KEEPALIVE(10, 5, 3), "set=USER_TIMEOUT:3600001"), FAULTS),
                " 3605s ");
}

/* What it sends next would be sent again and again for so long: 204.6 s and 51 times 120 s. */
Test(audit_notice, nor_is_a_tcp_retries2_of_more_than_an_hour)
{
    enter_private_network();
    output_of(WORDS("sh", "-c", "echo 60 >/proc/sys/net/ipv4/tcp_retries2"));
    expect_part(audit_of(NULL, WORDS(KEEPALIVE(10, 5, 3)), FAULTS), " 25s ");
}

Test(audit_notice, a_guarded_connection_is_noticed_within_its_budget)
{
    expect_part(audit_of(WORDS("REDISGUARD_DETECT=20"), WORDS(NULL), ALL_WELL), " no      20s ");
    expect_part(audit_of(WORDS("REDISGUARD_FORCE=1"), WORDS("set=KEEPALIVE:0"), ALL_WELL), " 45s ");
}

/* 11 s of silence, then a probe each 7 s: at 25 s 23.456 have gone by. */
Test(audit_notice, with_a_user_timeout_the_next_probe_time_counts)
{
    char *printed = audit_of(WORDS(TUNED), WORDS(NULL), ALL_WELL);
    expect_part(printed, " 25s ");
    expect_part(printed, " keepalive 11s+2x7s, ");
}

/* 1 s of silence, probes at 1 s and 2 s, and at 3 s the user timeout of 2.5 s has gone by. */
Test(audit_notice, it_is_noticed_when_the_audit_says)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *worker = start_program(
        WORDS("php", SOURCE_DIR "/tests/system/dead_peer/brpop.php", port_of(redis), "connect"),
        guarded(redis, WORDS("REDISGUARD_KEEPIDLE=1", "REDISGUARD_KEEPINTVL=1",
                             "REDISGUARD_USER_TIMEOUT=2500")));
    WAIT_UNTIL(strstr(redis_ask(redis, "CLIENT LIST"), "cmd=brpop") != NULL);
    expect_part(audit(redis, ALL_WELL), " no      3s ");

    cut_link(redis);
    double cut = seconds_now();
    wait_for_line(worker, "lost");
    double elapsed = seconds_now() - cut;
    cr_expect(elapsed > 1.5 && elapsed < 4, "noticed after %.1f s", elapsed);
}

static struct program *pinging_into_the_void(const struct server *redis, const char *const env[])
{
    struct program *client =
        holding(STEPS("socket=tcp", connect_step(redis), "hold", "ping", "hold"), env);
    cut_link(redis);
    tell_program(client, "on\n");
    return client;
}

Test(audit_notice, data_in_flight_waits_for_tcp_retries2_and_then_there_is_nothing)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    pinging_into_the_void(redis, NULL);
    WAIT_UNTIL(strstr(audit(redis, FAULTS), " 6 bytes in flight") != NULL);
    char *printed = audit(redis, FAULTS);
    expect_part(printed, " 925s ");
    expect_part(printed, " keepalive off, timer on:");
    expect_part(printed, ", 1 unnoticed for ");
}

Test(audit_notice, data_in_flight_waits_for_the_user_timeout_of_the_guard)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    pinging_into_the_void(redis, guarded(redis, WORDS(TUNED)));
    WAIT_UNTIL(strstr(audit(redis, ALL_WELL), " 6 bytes in flight") != NULL);
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, " 24s ");
    expect_part(printed, " keepalive 11s+2x7s, timer on:");
}

Test(audit_notice, a_handshake_that_nobody_answers_is_a_connection_too)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    cut_link(redis);
    holding(STEPS("socket=tcp", "nonblocking", connect_step(redis), "hold"),
            guarded(redis, WORDS(TUNED)));
    expect_part(audit(redis, ALL_WELL), " no      24s       -        SYN-SENT ");
}

Test(audit_notice, a_server_that_has_closed_is_noticed_at_once)
{
    struct server *redis = start_redis(NULL);
    holding(STEPS("socket=tcp", connect_step(redis), "ping", "hold"), NULL);
    redis_ask(redis, "CLIENT KILL TYPE normal SKIPME yes");
    WAIT_UNTIL(
        strstr(audited(WORDS("sh", "-c", WRAPPER " --audit || :"), TO_PORT_OF(redis), ALL_WELL),
               "CLOSE-WAIT") != NULL);
    expect_part(audit(redis, ALL_WELL), " no      at-once   -        CLOSE-WAIT ");
}
