/*
 * real.c: the tests of shim/lib/dl/real.c. Oracle: libc's own table of symbols.
 */
#include "dl/real.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <string.h>

#include "dl/rebind.h"

static void expect_libcs(const char *name, function found)
{
    void *libc = dlopen(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);
    cr_assert_not_null(libc);
    void *expected = dlsym(libc, name);
    cr_assert_not_null(expected, "%s", name);
    cr_expect_eq(memcmp(&found, &expected, sizeof found), 0, "%s", name);
}

Test(real, every_function_is_one_of_that_name_in_libc, .timeout = 10)
{
    expect_libcs("connect", (function)real_functions()->connect);
    expect_libcs("setsockopt", (function)real_functions()->setsockopt);
    expect_libcs("fork", (function)real_functions()->fork);
    expect_libcs("_Fork", (function)real_functions()->fork_no_handlers);
    expect_libcs("dup", (function)real_functions()->dup);
    expect_libcs("dup2", (function)real_functions()->dup2);
    expect_libcs("dup3", (function)real_functions()->dup3);
    expect_libcs("fcntl", (function)real_functions()->fcntl);
    expect_libcs("fcntl64", (function)real_functions()->fcntl64);
    expect_libcs("daemon", (function)real_functions()->daemon);
    expect_libcs("dlopen", (function)real_functions()->dlopen);
}
