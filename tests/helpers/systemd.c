/*
 * systemd.c: see systemd.h.
 */
#include "systemd.h"

#include <criterion/criterion.h>

#include "support.h"

char *in_systemd(const char *setup)
{
    needs_mounts();
    struct outcome outcome = run_program(
        WORDS(SOURCE_DIR "/tests/helpers/in_systemd", scratch_directory(), setup), NULL);
    if (outcome.status == 77)
        cr_skip_test("needs systemd and cgroup2: %s", outcome.err);
    cr_assert_eq(outcome.status, 0, "status %d: %s", outcome.status, outcome.err);
    return outcome.out;
}
