/*
 * Other protocols than Redis', by REDISGUARD_PORTS alone: a child of a PostgreSQL client ends the
 * session that it shares with its parent, and the children of a memcached client take its replies.
 * Real servers in a private network; protocols/ has the clients.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS SOURCE_DIR "/tests/system/apps/protocols/"
#define PYTHON  "/usr/bin/python3", "-B" /* Debian's, which its modules belong to */
#define NOBODY  "setpriv --reuid=65534 --regid=65534 --clear-groups "

/* As somebody who is not root: PostgreSQL refuses to run as root. */
static const char as_nobody[] = "cd /; umask 077; own=; [ $(id -u) != 0 ] || own='" NOBODY "'\n";

static void start_postgresql(void)
{
    needs_somebody_else();
    const char *directory = text("%s/postgresql", scratch_directory());
    cr_assert_eq(chmod(scratch_directory(), 0711), 0);
    cr_assert_eq(mkdir(directory, 0700), 0);
    if (geteuid() == 0)
        cr_assert_eq(chown(directory, 65534, 65534), 0);
    struct program *server = start_program(
        WORDS("sh", "-c",
              text("%sprograms=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)\n"
                   "$own $programs/initdb -D \"$1\" -U test -A trust --no-sync\n"
                   "exec $own $programs/postgres -D \"$1\" -c listen_addresses=127.0.0.1"
                   " -c unix_socket_directories= -c fsync=off 2>&1",
                   as_nobody),
              "sh", directory),
        NULL);
    wait_for_line(server, "ready to accept connections");
}

/* It says nothing when it is ready. */
static void start_memcached(void)
{
    needs_somebody_else();
    start_program(WORDS("sh", "-c", text("%sexec $own memcached -l 127.0.0.1 -p 11211", as_nobody)),
                  NULL);
    WAIT_UNTIL(strstr(output_of(WORDS("ss", "-Htln")), "127.0.0.1:11211 ") != NULL);
}

static char *said_by(const char *client, const char *port, const char *const env[])
{
    struct outcome outcome = run_program(WORDS(PYTHON, text(CLIENTS "%s", client), port), env);
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    return outcome.out;
}

Test(protocols, child_of_postgresql_client_does_not_end_the_session_of_its_parent)
{
    enter_private_network();
    start_postgresql();
    cr_expect_str_eq(said_by("psycopg2_fork.py", "5432", NULL),
                     "KEEPIDLE 7200\nchild: same session\nparent: error\n");
    cr_expect_str_eq(said_by("psycopg2_fork.py", "5432",
                             WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=6379,5432")),
                     "KEEPIDLE 30\nchild: error\nparent: same session\n");
}

Test(protocols, children_of_memcached_client_take_no_replies_of_others)
{
    enter_private_network();
    start_memcached();
    char *bare = said_by("memcache_fork.py", "11211", NULL);
    cr_expect(strstr(bare, "wrong replies") != NULL, "%s", bare);
    cr_expect_str_eq(said_by("memcache_fork.py", "11211",
                             WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=6379,11211")),
                     "child: right\nchild: right\nchild: right\nchild: right\nparent: right\n");
}
