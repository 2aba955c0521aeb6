/*
 * Programs that nobody here wrote, and what the audit says of their connections: who holds them,
 * and when would a dead server be noticed? Each in a private network with a Redis of its own,
 * without the guard and with it. audited/ has their configurations and the few lines that they run.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define FILES SOURCE_DIR "/tests/system/apps/audited"

/* What the audit says while a program runs, whose client's last command is `seen` by the server.
 * command: for sh, in a new directory, with $PORT and $FILES. ready: a part of a line that it
 * prints; NULL: it prints none. */
static char *audited(const char *command, const char *ready, const char *seen, const char *preload)
{
    needs_sight_of_all_processes();
    struct server *redis = start_redis(NULL);
    const char *port = text("PORT=%d", redis->port);
    const char *ports = text("REDISGUARD_PORTS=%d", redis->port);
    struct program *program = start_program(
        WORDS("sh", "-c",
              text("cd $(mktemp -d -p %s) && exec 2>&1\n%s", scratch_directory(), command)),
        WORDS(port, ports, "FILES=" FILES, "HOME=/nonexistent", "PYTHONDONTWRITEBYTECODE=1",
              preload));
    if (ready != NULL)
        wait_for_line(program, ready);
    WAIT_UNTIL(strstr(redis_ask(redis, "CLIENT LIST"), seen) != NULL);
    struct outcome outcome = run_program(WORDS(WRAPPER, "--audit"), WORDS(ports));
    end_program(program);
    return outcome.out;
}

/* bare, guarded: what the audit counts without the guard and with it, which notices in 45 s. */
static void is_judged(const char *command, const char *ready, const char *seen, const char *bare,
                      const char *guarded)
{
    enter_private_network();
    char *without = audited(command, ready, seen, NULL);
    cr_expect(strstr(without, bare) != NULL, "without the guard:\n%s", without);
    char *with = audited(command, ready, seen, "LD_PRELOAD=" LIBRARY);
    cr_expect(strstr(with, guarded) != NULL, "with it:\n%s", with);
    cr_expect(strstr(with, " 45s ") != NULL, "with it:\n%s", with);
}

/* One connection, whose dead server nobody would notice. */
static void is_noticed(const char *command, const char *seen)
{
    is_judged(command, NULL, seen,
              "1 connection to Redis: 0 in order, 0 shared, 0 unknown, 1 unnoticed ",
              "1 connection to Redis: 1 in order, ");
}

/* A master connects and forks; its child says that it is ready, as unicorn's does: "ready" alone
 * uWSGI says before it forks. connections: with the guard. */
static void is_not_shared(const char *command, const char *connections)
{
    is_judged(command, "worker=0 ready", "cmd=ping",
              "1 connection to Redis: 0 in order, 1 shared, ", connections);
}

/* Debian's, which its modules belong to. */
#define PYTHON "/usr/bin/python3"

static void needs_file(const char *path)
{
    if (access(path, F_OK) != 0)
        cr_skip_test("needs %s: tests/dependencies test", path);
}

Test(audited, redis_py_under_gevent_is_noticed)
{
    needs_file("/usr/lib/python3/dist-packages/gevent");
    is_noticed("exec " PYTHON " $FILES/under_gevent.py", "cmd=blpop");
}

Test(audited, session_handler_of_php_is_noticed)
{
    needs("php");
    is_noticed("exec php -d session.save_handler=redis -d session.use_cookies=0"
               " -d session.save_path=tcp://127.0.0.1:$PORT -d session.cache_limiter="
               " -r 'session_id(\"a\"); session_start(); sleep(600);'",
               "cmd=get");
}

Test(audited, erlangs_gen_tcp_is_noticed)
{
    needs("erl");
    is_noticed("exec erl -noinput -eval '{ok, Socket} = gen_tcp:connect(\"127.0.0.1\", '$PORT',"
               " [{active, false}]), gen_tcp:send(Socket, \"BLPOP nothing 0\\r\\n\"),"
               " gen_tcp:recv(Socket, 0).'",
               "cmd=blpop");
}

Test(audited, cosocket_of_nginx_is_noticed)
{
    needs("/usr/sbin/nginx");
    needs_file("/usr/lib/nginx/modules/ngx_http_lua_module.so");
    is_noticed("/usr/sbin/nginx -p . -c $FILES/nginx.conf &\n"
               "exec " PYTHON " -c 'import socket\n"
               "while True:\n"
               "    try: client = socket.create_connection((\"127.0.0.1\", 8080)); break\n"
               "    except OSError: pass\n"
               "client.sendall(b\"GET / HTTP/1.0\\r\\n\\r\\n\"); client.recv(1)'",
               "cmd=blpop");
}

Test(audited, omhiredis_of_rsyslog_is_noticed)
{
    needs("/usr/sbin/rsyslogd");
    needs_file("/usr/lib/x86_64-linux-gnu/rsyslog/omhiredis.so");
    is_noticed("export SOCKET=$PWD/log.socket\n"
               "/usr/sbin/rsyslogd -n -f $FILES/rsyslog.conf -iNONE &\n"
               "until [ -S $SOCKET ]; do :; done\n"
               "logger -u $SOCKET words\nwait",
               "cmd=publish");
}

Test(audited, stunnel_before_redis_is_noticed)
{
    needs("stunnel4");
    is_noticed(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=redis -keyout key -out stunnel.pem\n"
        "cat key >>stunnel.pem\n"
        "{ cat $FILES/stunnel.conf; echo connect = 127.0.0.1:$PORT; } >stunnel.conf\n"
        "stunnel4 stunnel.conf &\n"
        "until ss -Htln | grep -q 127.0.0.1:8080; do :; done\n"
        "{ echo BLPOP nothing 0; sleep 600; } | LD_PRELOAD= openssl s_client -quiet"
        " -connect 127.0.0.1:8080",
        "cmd=blpop");
}

/* Compiles into the build directory's cache: libc's part of Go takes its time. */
Test(audited, go_with_hiredis_is_noticed)
{
    needs("go");
    is_noticed("LD_PRELOAD= GOCACHE=" BUILD_DIR "/go go build -o cgo $FILES/cgo.go && exec ./cgo",
               "cmd=blpop");
}

/* ---- what forks ---- */

Test(audited, uwsgis_worker_does_not_share_the_connection_of_the_master)
{
    needs("uwsgi");
    is_not_shared("exec uwsgi --plugin python3 --master --processes 1 --socket uwsgi.socket"
                  " --wsgi-file $FILES/uwsgi.py",
                  "1 connection to Redis: 1 in order, 0 shared, ");
}

Test(audited, unicorns_worker_does_not_share_the_connection_of_the_master)
{
    needs("unicorn");
    is_not_shared("exec unicorn -c $FILES/unicorn.rb -l $PWD/unicorn.socket $FILES/unicorn.ru",
                  "1 connection to Redis: 1 in order, 0 shared, ");
}

Test(audited, fork_for_a_job_in_ruby_has_a_connection_of_its_own)
{
    needs("ruby");
    is_not_shared("exec ruby $FILES/fork_per_job.rb",
                  "2 connections to Redis: 2 in order, 0 shared, ");
}
