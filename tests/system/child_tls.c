/*
 * A child that ends cleanly must not say TLS's goodbye on its parent's connection, nor use up the
 * parent's sequence numbers. Runs programs/child_tls.c and PHP.
 */
#include "child.h"

#include <criterion/criterion.h>

Test(child_tls, a_clean_end_of_the_child_does_not_end_its_parents_session)
{
    struct server *server = start_redis_with_tls(NULL);
    const char *const *argv =
        WORDS(PROGRAM("child_tls"), text("%d", server->tls_port), server->certificate);
    expect(argv, NULL, "parent: same client\nparent: lost\nchild: lost\nparent: lost\n");
    expect(argv, guarded(server, NULL),
           "parent: same client\nparent: same client\nchild: lost\nparent: same client\n");
}

/* phpredis would reconnect where its connection was broken: so the server is asked who it is. */
static const char *const php_parent_of_a_clean_child =
    "<?php\n"
    "$redis = new Redis;\n"
    "$redis->connect('tls://127.0.0.1', (int)$argv[1], 5, null, 0, 0,\n"
    "    ['stream' => ['cafile' => $argv[2], 'verify_peer_name' => false]]);\n"
    "$id = $redis->rawCommand('CLIENT', 'ID');\n"
    "for ($i = 0; $i < 3; $i++) {\n"
    "    if (($child = pcntl_fork()) === 0)\n"
    "        exit(0);\n"
    "    pcntl_waitpid($child, $status);\n"
    "}\n"
    "$now = $redis->rawCommand('CLIENT', 'ID');\n"
    "echo $now === $id ? 'same client' : 'another client', \"\\n\";\n";

Test(child_tls, children_of_a_php_master_that_exit_do_not_end_its_session)
{
    struct server *server = start_redis_with_tls(NULL);
    char *script = scratch_file("master.php", php_parent_of_a_clean_child, 0600);
    const char *const *argv =
        WORDS("php", script, text("%d", server->tls_port), server->certificate);
    struct outcome bare = run_program(argv, NULL);
    cr_expect_str_neq(bare.out, "same client\n", "%s", bare.err);
    struct outcome outcome = run_program(argv, guarded(server, NULL));
    cr_expect_str_eq(outcome.out, "same client\n", "%s", outcome.err);
}
