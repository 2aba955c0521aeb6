/*
 * next.c: the tests of shim/next.c. Oracle: libc's own table of symbols.
 */
#include "next.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <string.h>

#include "rebind.h"

static void expect_libcs(const char *name, function found)
{
    void *libc = dlopen(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);
    cr_assert_not_null(libc);
    void *expected = dlsym(libc, name);
    cr_assert_not_null(expected, "%s", name);
    cr_expect_eq(memcmp(&found, &expected, sizeof found), 0, "%s", name);
}

Test(next, every_function_is_the_one_of_that_name_in_libc, .timeout = 10)
{
    expect_libcs("connect", (function)next()->connect);
    expect_libcs("setsockopt", (function)next()->setsockopt);
    expect_libcs("fork", (function)next()->fork);
    expect_libcs("_Fork", (function)next()->fork_only);
    expect_libcs("dup", (function)next()->dup);
    expect_libcs("dup2", (function)next()->dup2);
    expect_libcs("dup3", (function)next()->dup3);
    expect_libcs("fcntl", (function)next()->fcntl);
    expect_libcs("fcntl64", (function)next()->fcntl64);
    expect_libcs("daemon", (function)next()->daemon);
    expect_libcs("dlopen", (function)next()->dlopen);
}
