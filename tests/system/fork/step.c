/*
 * Another thread's fork copies the memory at any instruction of a hook, and has copied the
 * descriptors before: no child keeps a connection that was on record then. Runs
 * programs/step_hooks.c; tests/unit/registry_step.c does the same with the registry's calls.
 */
#include "child.h"

#include <criterion/criterion.h>

#if defined(__x86_64__)

static void expect_no_child_to_keep_it(const char *scene)
{
    expect(WORDS(built_program("step_hooks"), scene), WORDS("REDISGUARD_PORTS=1-65535"),
           "tried: enough, kept the connection: 0, failed: 0\n");
}

Test(step, child_keeps_no_connection_at_any_instruction_of_connect)
{
    expect_no_child_to_keep_it("connect");
    expect_no_child_to_keep_it("connect-another");
    expect_no_child_to_keep_it("connect-again");
    expect_no_child_to_keep_it("dissolve");
}

Test(step, child_keeps_no_connection_at_any_instruction_of_dup2_and_dup3)
{
    expect_no_child_to_keep_it("dup2");
    expect_no_child_to_keep_it("dup3");
}

/* A fork of another thread, while this one is at its own. */
Test(step, child_keeps_no_connection_at_any_instruction_of_fork)
{
    expect_no_child_to_keep_it("fork");
}

Test(step, child_keeps_no_connection_at_any_instruction_of_close_and_setsockopt)
{
    expect_no_child_to_keep_it("close");
    expect_no_child_to_keep_it("setsockopt");
}

#endif
