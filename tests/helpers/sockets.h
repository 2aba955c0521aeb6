/*
 * What several suites do with programs/sockets, the program that makes the socket calls that its
 * arguments spell: run it bare, run it under the preload, compare, trace it.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_SOCKETS_H
#define REDISGUARD_TESTS_SYSTEM_SOCKETS_H

#include "support.h"

#define PROGRAMS BUILD_DIR "/tests/system/programs/"

/* The arguments that make it take these steps. */
#define STEPS(...) WORDS(PROGRAMS "sockets", __VA_ARGS__)

/* The guard's variables with values that nobody else would choose, and what the kernel then says.
 */
#define TUNED                                                                                      \
    "REDISGUARD_KEEPIDLE=11", "REDISGUARD_KEEPINTVL=7", "REDISGUARD_KEEPCNT=2",                    \
        "REDISGUARD_USER_TIMEOUT=23456"
#define TUNED_OPTIONS "options KEEPALIVE 1 KEEPIDLE 11 KEEPINTVL 7 KEEPCNT 2 USER_TIMEOUT 23456"

/* The environment of a program that is guarded whichever port it connects to. */
#define GUARDED_EVERYWHERE "LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1-65535"

#define EXPECT_LINES(printed, expected)                                                            \
    do {                                                                                           \
        const char *printed_ = (printed);                                                          \
        cr_assert_str_eq(printed_, expected, "it printed:\n%s\nand should have:\n%s", printed_,    \
                         expected);                                                                \
    } while (0)

/* What the program prints. It must exit 0 and have nothing to say on standard error. */
char *printed_by(const char *const argv[], const char *const env[]);

/* The same, where the preload must make no difference: it is run without env first. */
char *printed_alike(const char *const argv[], const char *const env[]);

/* The step that connects to the server: over IPv4, IPv6, IPv4 in IPv6, or its Unix socket. */
char *connect_step(const struct server *server);
char *connect6_step(const struct server *server);
char *connect_mapped_step(const struct server *server);
char *connect_unix_step(const struct server *server);

/* A port of 127.0.0.1 that answers every connect with ECONNREFUSED as long as the test runs. */
int refusing_port(void);

/* The system calls that the program makes, as strace(1) prints them; calls: "connect,setsockopt",
 * or "all". */
char *calls_of(const char *const argv[], const char *const env[], const char *calls);

/* How many lines hold part. */
int lines_with(const char *lines, const char *part);

#endif
