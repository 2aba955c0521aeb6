/*
 * What the files of the examples suite share: each example is tried as its reader would, with the
 * tool that it is for. Where an example tells its reader what to do (in the comment that it begins
 * with), this is done as it stands there, after `make install`, in a system of the test's own
 * (recipes/follow). Decides nothing but whether a worker is at work and guarded.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_EXAMPLES_H
#define REDISGUARD_TESTS_SYSTEM_EXAMPLES_H

#include "support.h"

#define RECIPES SOURCE_DIR "/tests/system/examples/recipes"
#define WORKER  "brpop-worker.php"

void needs_a_system_of_its_own(void);

/* What a shell prints; $1 and $2 are the arguments. */
char *from_shell(const char *script, const char *argument, const char *other);

/* The path of an example in the source tree. */
char *example(const char *name);

/* Does what the example says, then becomes the command, in a system of its own. */
struct program *follow(const char *example, const char *command);

/* What a command, which must exit 0, prints in the system of such a program; whether it does. */
char *inside(const struct program *program, const char *command);
bool succeeds_inside(const struct program *program, const char *command);

/* On port 6379 in a private network, which is where the examples look for it. */
struct server *start_redis_on_its_port(void);

/* ---- what is then expected; the worker is that of the examples ---- */

/* The connection to the server will be probed within the time that all examples ask for. */
void is_guarded_as_told(const struct server *server);

/* What all examples tell to look at: `redisguard --audit` finds this many, guarded, no others. */
void is_seen_to_work(const struct program *program, int connections);

/* The same, and it takes an item. It, or its supervisor, prints its log. */
void is_at_work_and_guarded(struct program *supervisor, const struct server *server);
void takes_an_item(struct program *worker, const struct server *server, const char *item);

/* It, or its supervisor, gets the signal; the worker says good-bye, and both exit 0. */
void ends_in_order(struct program *program, int signal);

/* All that it has said, be it to its supervisor. */
char *told_by(struct outcome outcome);

#endif
