/*
 * A command that a program with Redis connections starts inherits none of them. Runs
 * programs/child_exec.c, child_vfork.c and child_vfork_close.c.
 */
#include "child.h"

#include <criterion/criterion.h>

static const char *const holds = "the command holds the connection\n";
static const char *const holds_not = "the command does not hold the connection\n";

static void expect_not_to_leak(const char *how)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_exec"), how, port_of(server));
    expect(argv, NULL, holds);
    expect(argv, guarded(server, NULL), holds_not);
}

Test(child_exec, exec_closes_connection)
{
    expect_not_to_leak("exec");
}

Test(child_exec, command_run_by_fork_and_exec_does_not_inherit_connection)
{
    expect_not_to_leak("fork");
}

Test(child_exec, command_run_by_vfork_does_not_inherit_connection)
{
    expect_not_to_leak("vfork");
}

Test(child_exec, command_run_by_posix_spawn_does_not_inherit_connection)
{
    expect_not_to_leak("posix_spawn");
}

Test(child_exec, command_run_by_system_does_not_inherit_connection)
{
    expect_not_to_leak("system");
}

Test(child_exec, command_inherits_connection_with_cloexec_0)
{
    struct server *server = start_redis(NULL);
    expect(WORDS(built_program("child_exec"), "posix_spawn", port_of(server)),
           guarded(server, WORDS("REDISGUARD_CLOEXEC=0")), holds);
}

Test(child_exec, vfork_child_leaves_parents_records_intact)
{
    struct server *server = start_redis(NULL);
    expect(
        WORDS(built_program("child_vfork"), port_of(server), text("%s/file", scratch_directory())),
        guarded(server, NULL),
        "one: " CUT_OFF "\n"
        "other: " CUT_OFF "\n"
        "file: write bytes\n"
        "copy of the file: write bytes\n"
        "parent: same client\n");
}

/* It shares its parent's memory, and so what the library knows, but not the descriptors. */
Test(child_exec, parents_keepalive_stays_after_vfork_child_has_closed_its_number_twice)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_vfork_close"), port_of(server));
    expect(argv, NULL, "keepalive off\n");
    expect(argv, guarded(server, NULL), "keepalive on\n");
}
