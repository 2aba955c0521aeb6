/*
 * What the system tests share: programs run under the preload, a Redis server of one's own, a
 * private network to cut, the kernel's socket table. Every wait has a deadline; when it passes the
 * test fails and shows what the program had printed. A wrong step here fails the test by itself, so
 * callers check nothing.
 *
 * Nothing has to be cleaned up. Whatever a test starts or makes is ended and removed when its
 * process ends, in whichever way (reaper.c); for the same reason no memory is ever freed.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_SUPPORT_H
#define REDISGUARD_TESTS_SYSTEM_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "files.h"

#define LIBRARY BUILD_DIR "/libredisguard.so"
#define WRAPPER BUILD_DIR "/redisguard"

/* A library with nothing in it: the least that any preload costs. */
#define EMPTY_PRELOAD BUILD_DIR "/tests/system/modules/nothing.so"

/* The variables with which every line of the log goes to this file. */
#define LOGGED(path) text("REDISGUARD_LOG=%s", path), "REDISGUARD_LOG_LEVEL=debug"

/* How long any later wait of this test may last; 150 s unless a test says otherwise. Only a test
 * that fails waits so long: the machine may be slow, and busy with other things. */
void allow_seconds(int seconds);

/* Looks again, a few milliseconds apart, until the condition holds. For what gives no event. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (long long until_ = deadline(); !(condition);)                                         \
            pause_before(until_, #condition);                                                      \
    } while (0)
long long deadline(void);
void pause_before(long long deadline, const char *condition);

/* Of the monotonic clock. */
double seconds_now(void);

/* ---- programs (support.c) ---- */

struct outcome {
    int status; /* exit status, -1 when a signal ended it */
    int signal; /* that signal, else 0 */
    char *out;  /* all of its standard output */
    char *err;  /* all of its standard error */
};

struct stream {
    int fd;
    char *text;
    size_t length;
    size_t seen; /* how far wait_for_line has read */
};

struct program {
    pid_t pid; /* of the program itself, which leads a process group of its own */
    pid_t reaper;
    int control; /* to the reaper */
    int input;
    const char *command;
    struct stream out, err;
    bool ended;
    int status, signal;
};

/*
 * argv[0] is looked up in PATH. The environment is the tester's without REDISGUARD_*, LD_PRELOAD
 * and Criterion's own, with LC_ALL=C and then env (NULL: nothing more). No descriptor but 0, 1 and
 * 2 is inherited; standard input is a pipe that tell_program fills.
 */
struct program *start_program(const char *const argv[], const char *const env[]);

/* Waits until the program prints a line that holds part, on either output, and returns that line.
 * The next wait goes on behind it. */
char *wait_for_line(struct program *program, const char *part);

/* The same, but NULL if the program's output ends first. */
char *line_or_end(struct program *program, const char *part);

/* Writes to the program's standard input. */
void tell_program(struct program *program, const char *words);

/* Closes its standard input, waits until it has exited and everyone has let go of its outputs. */
struct outcome finish_program(struct program *program);

/* Kills it and everything that it has started, daemons too. */
struct outcome end_program(struct program *program);

/* start_program and finish_program. */
struct outcome run_program(const char *const argv[], const char *const env[]);

/* run_program, which must exit 0; returns its standard output. */
char *output_of(const char *const argv[]);

/* Skips the test where this program is not in PATH. */
void needs(const char *tool);

/* Writes a file into the test's own directory and returns its path. */
char *scratch_file(const char *name, const char *content, mode_t mode);

/* The path of a log there, which nothing has made yet. */
char *log_path(void);

/* ---- a Redis server (support_redis.c) ---- */

struct server {
    int port;             /* on 127.0.0.1, and on ::1 where there is one */
    int tls_port;         /* 0: none */
    char *certificate;    /* of the TLS port, signed by itself: also the CA file to trust */
    char *unix_socket;    /* a path that the default of REDISGUARD_UNIX matches */
    const char *password; /* NULL: none */
    struct program *program;
};

/* options: more arguments for redis-server, such as "--requirepass", "secret"; NULL: none. The port
 * is a free one unless the options hold "--port". Returns when the server has answered PING. */
struct server *start_redis(const char *const options[]);
struct server *start_redis_with_tls(const char *const options[]);

/* Kills it. */
void stop_redis(struct server *server);

/* The test's own question to the server, through its Unix socket (so cut_link does not concern it).
 * Returns the reply as text, the elements of an array a line each; "(nil)" for none. */
char *redis_ask(const struct server *server, const char *format, ...);

/* The environment for a program under the preload that guards this server's ports; then more. */
const char *const *guarded(const struct server *server, const char *const more[]);

/* ---- rights (support_rights.c) ---- */

/* Skips the test unless it is root and may become any other user, which root of a user namespace
 * may not where that has one user. what: "to mount"; what for. */
void needs_root(const char *what);
void needs_mounts(void);

/* Skips the test where root cannot become somebody else; who is not root need not. */
void needs_somebody_else(void);

/* Skips the test where root's directories seem to be somebody else's: the library trusts none of
 * their links then. So they are in a user namespace that does not map root. */
void needs_directories_of_root(void);

/* Skips the test where a process cannot be looked into, as the audit looks. To an ordinary user
 * that is every process of others. */
void needs_sight_of_all_processes(void);

/* ---- the network (support_network.c) ---- */

/* May this process make network namespaces? As root, or under `unshare --map-root-user`. */
bool namespaces_permitted(void);

/* The same for mounts in a mount namespace of its own. Not in a plain chroot, whose root directory
 * is no mount. */
bool mounts_permitted(void);

/* From here on the test, and what it starts, has a loopback of its own: call it first. Skips the
 * test where namespaces are not permitted. */
void enter_private_network(void);

/* Drops every packet from and to the server's TCP ports, silently, as a pulled cable does. Only in
 * a private network. */
void cut_link(const struct server *server);
void heal_link(void);

/* The TCP sockets whose peer, or whose own end, has this port: what `ss` prints, one line each,
 * with timers, TCP details, inode, cookie and holders. */
char *sockets_to(int port);
char *sockets_at(int port);

#endif
