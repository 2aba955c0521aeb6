/*
 * launchers.h: programs that start another: what of their words is their own, and what they do to
 * the environment. Debian's, and those of containers and of languages.
 */
#ifndef REDISGUARD_CHECK_LAUNCHERS_H
#define REDISGUARD_CHECK_LAUNCHERS_H

#include <stdbool.h>

/* Lists are words separated by single spaces. */
struct launcher {
    const char *name;
    const char *words;         /* what must follow its options, as "netns exec"; NULL: nothing */
    const char *with_argument; /* options whose argument is a word of its own */
    int operands;              /* words of its own before the command */
    bool reads_on;             /* options may follow those words too */
    const char *clears;        /* options that clear the environment; "": it always does */
    const char *keeps;         /* an option that makes it pass the environment on all the same */
    const char *new_root;      /* options that change the root directory; "": the first operand */
    const char *starts;        /* names what it starts, which its words do not */
    const char *instead;       /* it starts nothing itself: what to do */
};

/* The first that has this name and follows `after` in the table; NULL: none. after NULL: any. */
const struct launcher *launchers_find(const char *name, const struct launcher *after);

#endif
