/*
 * php-fpm whose master connects in its preload script: without the guard its workers read each
 * other's replies, with it each reads its own.
 */
#include "prefork.h"

#include <criterion/criterion.h>
#include <signal.h>

/*
 * What survives opcache.preload in PHP 8.2: nothing when root starts php-fpm, for then the script
 * runs in a child that ends with it, even if opcache.preload_user is root. When somebody else does,
 * as in many containers, it runs in the master itself. Its objects are destroyed, and with them
 * every connection of connect(); those of pconnect() go back to their pool, and each worker
 * inherits the pool.
 */
static struct program *start_fpm(const char *const env[])
{
    char *configuration =
        scratch_file("fpm.conf",
                     text("[global]\nerror_log = /dev/stderr\n[www]\nlisten = %s/fpm.sock\n"
                          "pm = static\npm.max_children = %d\nclear_env = no\n",
                          scratch_directory(), WORKERS),
                     0600);
    struct program *fpm = start_program(
        WORDS(AS_ORDINARY_USER, "/usr/sbin/php-fpm8.2", "--nodaemonize", "-d",
              "opcache.preload=" APPLICATIONS "/fpm_preload.php", "--fpm-config", configuration),
        env);
    wait_for_line(fpm, "ready to handle connections");
    return fpm;
}

#define FPM_REQUEST                                                                                \
    WORDS("env", "REQUEST_METHOD=GET", "SCRIPT_FILENAME=" APPLICATIONS "/fpm_worker.php",          \
          "cgi-fcgi", "-bind", "-connect", text("%s/fpm.sock", scratch_directory()))

static void end_fpm(struct program *fpm)
{
    kill(fpm->pid, SIGQUIT);
    struct outcome outcome = finish_program(fpm);
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
}

Test(prefork, php_fpm_workers_survive_connection_of_preload_script)
{
    needs_user_namespaces();
    struct server *redis = start_redis_for_workers();
    struct program *bare = start_fpm(bare_workers(redis, NULL));
    wait_for_one_socket_with(1 + WORKERS, redis);
    expect_replies_astray(FPM_REQUEST);
    end_fpm(bare);

    struct program *fpm = start_fpm(guarded_workers(redis, NULL));
    wait_for_one_socket_with(1, redis);
    expect_replies_right(redis, FPM_REQUEST);
    end_fpm(fpm);
}
