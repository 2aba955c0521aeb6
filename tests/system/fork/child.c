/*
 * What a forked child reads from its parent's Redis connections, whichever function made the child,
 * and that the parent's connections still work. Each test runs its program without the guard too,
 * to see that the descriptors are really shared. Runs programs/child_*.c.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const shared = "original: shared\n"
                                  "dup: shared\n"
                                  "dup2: shared\n"
                                  "dup3: shared\n"
                                  "F_DUPFD: shared\n"
                                  "F_DUPFD_CLOEXEC: shared\n"
                                  "errno in the child: EXDEV\n"
                                  "errno in the parent: EXDEV\n"
                                  "parent: same client\n";

static const char *const cut_off = "original: " CUT_OFF "\n"
                                   "dup: " CUT_OFF "\n"
                                   "dup2: " CUT_OFF "\n"
                                   "dup3: " CUT_OFF "\n"
                                   "F_DUPFD: " CUT_OFF "\n"
                                   "F_DUPFD_CLOEXEC: " CUT_OFF "\n"
                                   "errno in the child: EXDEV\n"
                                   "errno in the parent: EXDEV\n"
                                   "parent: same client\n";

/* ---- every way to fork, every copy ---- */

static void expect_only_the_guard_to_cut_off(const char *how)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_fork"), how, port_of(server));
    expect(argv, NULL, shared);
    expect(argv, guarded(server, NULL), cut_off);
}

Test(child, forked_child_reads_eof_on_every_copy_of_inherited_connection)
{
    expect_only_the_guard_to_cut_off("fork");
}

Test(child, child_of__Fork_reads_eof_on_every_copy_of_inherited_connection)
{
    expect_only_the_guard_to_cut_off("_Fork");
}

Test(child, child_of_forkpty_reads_eof_on_every_copy_of_inherited_connection)
{
    expect_only_the_guard_to_cut_off("forkpty");
}

Test(child, child_of_fork_that_bypasses_hook_reads_eof)
{
    struct server *server = start_redis(NULL);
    const char *const *argv =
        WORDS(built_program("child_fork"), "module", port_of(server), built_module("child_forker"));
    expect(argv, NULL, shared);
    expect(argv, guarded(server, NULL), cut_off);
    expect(argv, guarded(server, WORDS("REDISGUARD_DEEPBIND=keep")), cut_off);
}

Test(child, child_reads_eof_on_inherited_unix_connection)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_fork"), "fork", server->unix_socket);
    expect(argv, NULL, shared);
    expect(argv, guarded(server, NULL), cut_off);
}

Test(child, child_reads_eof_on_copies_made_before_connect)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_copies"), port_of(server));
    expect(argv, NULL,
           "original: shared\ndup: shared\ndup2: shared\nF_DUPFD: shared\nfile: open\n");
    expect(argv, guarded(server, NULL),
           "original: " CUT_OFF "\ndup: " CUT_OFF "\ndup2: " CUT_OFF "\nF_DUPFD: " CUT_OFF
           "\nfile: open\n");
}

/* What LIMITS in redisguard(7) says of these. (lifecycle.c has dlmopen.) The library would have to
 * look at each descriptor in each child, and into each recvmsg. */
Test(child, child_shares_what_the_manual_lists_as_unseen)
{
    struct server *server = start_redis(NULL);
    const char *unseen = "SCM_RIGHTS: shared\n"
                         "pidfd_getfd: shared\n"
                         "copy above 1023: shared\n"
                         "itself, after clone(2): shared\n";
    const char *untuned = "__connect: keepalive off\n"
                          "MSG_FASTOPEN: keepalive off\n"
                          "dlsym: keepalive off\n";
    const char *const *argv = WORDS(built_program("child_unseen"), port_of(server));
    expect(argv, NULL, text("%sitself: shared\n%s", untuned, unseen));
    expect(argv, guarded(server, NULL), text("%sitself: cut off\n%s", untuned, unseen));
}

/* ---- still connecting ---- */

static void expect_of_the_connecting(const struct server *server, const char *how,
                                     const char *const env[], const char *found)
{
    cut_link(server);
    struct program *program =
        start_program(WORDS(built_program("child_connecting"), how, port_of(server)), env);
    wait_for_line(program, "forked");
    heal_link();
    tell_program(program, "go on\n");
    struct outcome outcome = finish_program(program);
    cr_assert_str_eq(outcome.out,
                     text("original: %s\ncopy: %s\nforked\nparent: +PONG\n", found, found));
}

static void expect_only_the_guard_to_cut_off_the_connecting(const char *how)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    expect_of_the_connecting(server, how, NULL, "shared");
    expect_of_the_connecting(server, how, guarded(server, NULL), CUT_OFF);
}

Test(child, child_loses_connection_in_handshake_and_parent_completes_it)
{
    expect_only_the_guard_to_cut_off_the_connecting("nonblocking");
}

Test(child, child_loses_connection_that_another_thread_completes)
{
    expect_only_the_guard_to_cut_off_the_connecting("blocking");
}

/* ---- generations ---- */

Test(child, grandchild_loses_connections_of_all_its_ancestors)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_generations"), port_of(server));
    expect(argv, NULL,
           "generation 0: keepalive off\n"
           "generation 1 at the connection of 0: shared\n"
           "generation 1 at the copy of 0: shared\n"
           "generation 1: keepalive off\n"
           "generation 2 at the connection of 0: shared\n"
           "generation 2 at the copy of 0: shared\n"
           "generation 2 at the connection of 1: shared\n"
           "generation 2 at the copy of 1: shared\n"
           "generation 2: keepalive off\n"
           "generation 2: same client\n"
           "generation 1: same client\n"
           "generation 0: same client\n");
    expect(argv, guarded(server, NULL),
           "generation 0: keepalive on\n"
           "generation 1 at the connection of 0: " CUT_OFF "\n"
           "generation 1 at the copy of 0: " CUT_OFF "\n"
           "generation 1: keepalive on\n"
           "generation 2 at the connection of 0: " CUT_OFF "\n"
           "generation 2 at the copy of 0: " CUT_OFF "\n"
           "generation 2 at the connection of 1: " CUT_OFF "\n"
           "generation 2 at the copy of 1: " CUT_OFF "\n"
           "generation 2: keepalive on\n"
           "generation 2: same client\n"
           "generation 1: same client\n"
           "generation 0: same client\n");
}

Test(child, client_in_child_gets_one_error_and_reconnects)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_reconnect"), port_of(server));
    expect(argv, NULL,
           "child: answered\n"
           "child: keepalive off\n"
           "child: its parent's\n"
           "parent: same client\n");
    expect(argv, guarded(server, NULL),
           "child: Broken pipe\n"
           "child: keepalive on\n"
           "child: its own\n"
           "parent: same client\n");
}

Test(child, daemon_keeps_connection_and_its_later_child_loses_it)
{
    struct server *server = start_redis(NULL);
    expect(WORDS(built_program("child_daemon"), port_of(server)), guarded(server, NULL),
           "daemon: another process\n"
           "daemon: same client\n"
           "child: " CUT_OFF "\n"
           "child: " CUT_OFF "\n"
           "daemon: same client\n");
}

/* ---- the parent carries on ---- */

static char *reply_after_children(const struct server *server, const char *const env[])
{
    struct program *program =
        start_program(WORDS(built_program("child_blocking"), port_of(server)), env);
    wait_for_line(program, "children gone");
    redis_ask(server, "RPUSH queue job");
    return finish_program(program).out;
}

Test(child, parents_blocking_pop_gets_its_reply_whatever_children_do)
{
    struct server *server = start_redis(NULL);
    cr_expect_str_eq(reply_after_children(server, NULL),
                     "children gone\nparent: lost its connection\n");
    redis_ask(server, "DEL queue");
    cr_expect_str_eq(reply_after_children(server, guarded(server, NULL)),
                     "children gone\nparent: got job\n");
}

Test(child, child_cannot_take_connection_out_of_its_parents_epoll)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_epoll"), port_of(server));
    expect(argv, NULL, "child: EPOLL_CTL_DEL 0\nparent: not told\n");
    expect(argv, guarded(server, NULL), "child: EPOLL_CTL_DEL ENOENT\nparent: readable\n");
}

/* ---- REDISGUARD_FORK ---- */

Test(child, fork_sever_keeps_number_taken)
{
    struct server *server = start_redis(NULL);
    const char *expected = "child: " CUT_OFF "\n"
                           "child: its number is taken\n"
                           "parent: same client\n";
    const char *const *argv = WORDS(built_program("child_policy"), port_of(server));
    expect(argv, guarded(server, NULL), expected);
    expect(argv, guarded(server, WORDS("REDISGUARD_FORK=sever")), expected);
}

Test(child, fork_close_frees_number)
{
    struct server *server = start_redis(NULL);
    expect(WORDS(built_program("child_policy"), port_of(server)),
           guarded(server, WORDS("REDISGUARD_FORK=close")),
           "child: closed\n"
           "child: its number is free\n"
           "parent: same client\n");
}

Test(child, fork_off_leaves_connection_shared)
{
    struct server *server = start_redis(NULL);
    expect(WORDS(built_program("child_policy"), port_of(server)),
           guarded(server, WORDS("REDISGUARD_FORK=off")),
           "child: shared\n"
           "child: its number is taken\n"
           "parent: same client\n");
}

/* ---- fork handlers of the program ---- */

static void expect_its_own_connection(const char *when, const char *env, const char *copy)
{
    struct server *server = start_redis(NULL);
    const char *program = built_program("child_atfork");
    const char *const *environment = guarded(server, WORDS(env));
    expect(WORDS(program, port_of(server), when, "fork"), environment,
           text("child: its own\ncopy: %s\nparent: same client\n", copy));
    expect(WORDS(program, port_of(server), when, "daemon"), environment,
           "child: its own\ncopy: shared\n");
    expect(WORDS(program, port_of(server), when, "first"), environment,
           "child: its own\ncopy: closed\n");
}

Test(child, connection_that_later_fork_handler_opens_is_childs)
{
    expect_its_own_connection("late", "REDISGUARD_FORK=sever", CUT_OFF);
}

/* Among these: other preloads that are initialized before the guard. */
Test(child, connection_that_earlier_fork_handler_opens_is_childs)
{
    expect_its_own_connection("early", "REDISGUARD_FORK=sever", CUT_OFF);
    expect_its_own_connection("early", "REDISGUARD_FORK=close", "closed");
}
