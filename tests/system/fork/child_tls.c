/*
 * A child that exits must not send TLS's close_notify on its parent's connection, nor use up the
 * parent's sequence numbers. Runs programs/child_tls.c and PHP.
 */
#include "child.h"

#include <criterion/criterion.h>

Test(child_tls, tls_shutdown_in_child_keeps_parents_session)
{
    struct server *server = start_redis_with_tls(NULL);
    const char *const *argv =
        WORDS(built_program("child_tls"), text("%d", server->tls_port), server->certificate);
    expect(argv, NULL, "parent: same client\nparent: lost\nchild: lost\nparent: lost\n");
    expect(argv, guarded(server, NULL),
           "parent: same client\nparent: same client\nchild: lost\nparent: same client\n");
}

Test(child_tls, exit_of_php_children_keeps_masters_tls_session)
{
    struct server *server = start_redis_with_tls(NULL);
    const char *script = SOURCE_DIR "/tests/system/fork/child_tls_master.php";
    const char *const *argv =
        WORDS("php", script, text("%d", server->tls_port), server->certificate);
    struct outcome bare = run_program(argv, NULL);
    cr_expect_str_neq(bare.out, "same client\n", "%s", bare.err);
    struct outcome outcome = run_program(argv, guarded(server, NULL));
    cr_expect_str_eq(outcome.out, "same client\n", "%s", outcome.err);
}
