/*
 * Apache with mod_perl. Its start-up file connects in the master with a client that reconnects when
 * the server has closed the connection, but does not compare its pid: without the guard its workers
 * read each other's replies, with it each reads its own.
 */
#include "prefork.h"

#include <criterion/criterion.h>

static const char httpd_conf[] =
    "ServerName localhost\nServerRoot %s\nPidFile httpd.pid\nListen 127.0.0.1:8080\n"
    "ErrorLog /dev/stderr\n"
    "LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so\n"
    "LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"
    "LoadModule perl_module /usr/lib/apache2/modules/mod_perl.so\n"
    "StartServers %d\nMinSpareServers 1\nMaxRequestWorkers %d\n"
    "PerlPassEnv APPLICATIONS\nPerlPassEnv REDIS_PORT\nPerlPassEnv MEETING\nPerlPassEnv WORKERS\n"
    "PerlRequire " APPLICATIONS "/modperl.pl\n"
    "SetHandler perl-script\nPerlResponseHandler Prefork\n";

/* Not as root: its workers would become somebody else, who may not write where they meet. */
static struct program *start_apache(const char *const env[])
{
    char *configuration =
        scratch_file("httpd.conf", text(httpd_conf, scratch_directory(), WORKERS, WORKERS), 0600);
    struct program *apache = start_program(
        WORDS(AS_ORDINARY_USER, "/usr/sbin/apache2", "-D", "FOREGROUND", "-f", configuration), env);
    wait_for_line(apache, "resuming normal operations");
    return apache;
}

Test(prefork, apache_workers_survive_connection_of_perl_startup)
{
    needs_user_namespaces();
    struct server *redis = start_redis_for_workers();
    struct program *bare = start_apache(bare_workers(redis, NULL));
    wait_for_one_socket_with(1 + WORKERS, redis);
    expect_replies_astray(HTTP_REQUEST);
    end_program(bare);

    struct program *apache = start_apache(guarded_workers(redis, NULL));
    wait_for_one_socket_with(1, redis);
    expect_replies_right(redis, HTTP_REQUEST);
    end_in_order(apache, apache->pid);
}
