/* What the files of the install and upgrade suites share: make, told where to put things. */
#ifndef REDISGUARD_TESTS_SYSTEM_INSTALL_H
#define REDISGUARD_TESTS_SYSTEM_INSTALL_H

#include "support.h"

/* In this source tree; the variables of the make that runs the tests are not passed on. */
static inline struct outcome make_in(const char *tree, const char *goal, const char *settings)
{
    return run_program(WORDS("sh", "-c",
                             text("unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL PREFIX LIBDIR;"
                                  " exec make -s -C %s %s %s",
                                  tree, goal, settings)),
                       NULL);
}

#endif
