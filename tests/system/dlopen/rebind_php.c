/*
 * PHP as Debian ships it loads every extension with RTLD_DEEPBIND; the guard must still get the
 * calls of redis.so and sockets.so. The tests read the kernel's socket table. Runs rebind_*.php.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const keep = "REDISGUARD_DEEPBIND=keep";

/* Does the kernel run a keepalive timer on the connection that the script has made? */
static bool keeps_alive(const char *script, const char *how, const char *variable)
{
    struct server *server = start_redis(NULL);
    struct program *php = start_program(
        WORDS("php", text("%s/tests/system/dlopen/%s", SOURCE_DIR, script), port_of(server), how),
        guarded(server, variable ? WORDS(variable) : NULL));
    wait_for_line(php, "connected");
    char *sockets = sockets_to(server->port);
    struct outcome outcome = finish_program(php);
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_assert(strstr(sockets, "127.0.0.1"), "not connected: %s", sockets);
    return strstr(sockets, "timer:(keepalive,") != NULL;
}

Test(rebind_php, phpredis_keeps_its_keepalive)
{
    cr_expect_not(keeps_alive("rebind_phpredis.php", "connect", keep));
    cr_expect(keeps_alive("rebind_phpredis.php", "connect", NULL));
}

Test(rebind_php, persistent_connection_of_phpredis_keeps_its_keepalive)
{
    cr_expect_not(keeps_alive("rebind_phpredis.php", "pconnect", keep));
    cr_expect(keeps_alive("rebind_phpredis.php", "pconnect", NULL));
}

Test(rebind_php, reconnect_of_phpredis_keeps_its_keepalive)
{
    cr_expect_not(keeps_alive("rebind_phpredis.php", "reconnect", keep));
    cr_expect(keeps_alive("rebind_phpredis.php", "reconnect", NULL));
}

Test(rebind_php, socket_connect_is_guarded)
{
    cr_expect_not(keeps_alive("rebind_sockets.php", "", keep));
    cr_expect(keeps_alive("rebind_sockets.php", "", NULL));
}

Test(rebind_php, socket_set_option_does_not_turn_keepalive_off)
{
    cr_expect_not(keeps_alive("rebind_sockets.php", "off", keep));
    cr_expect(keeps_alive("rebind_sockets.php", "off", NULL));
}
