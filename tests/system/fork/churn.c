/*
 * Descriptors opened, copied, closed and reused at random, with forks in between, compared with a
 * model: programs/churn.c. A failure prints the seed, which repeats the run. `make soak` sets the
 * time it runs.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "support.h"

#define CHURN BUILD_DIR "/tests/system/programs/churn"

/* CHURN_SEED repeats a run, CHURN_SECONDS makes it longer. */
static const char *from_environment(const char *name, const char *otherwise)
{
    return getenv(name) != NULL ? getenv(name) : otherwise;
}

static const char *any_seed(void)
{
    unsigned seed = 0;
    getrandom(&seed, sizeof seed, 0);
    return text("%u", seed);
}

static struct outcome churn(const char *steps, const char *const env[], const char **seed)
{
    const char *seconds = from_environment("CHURN_SECONDS", "60");
    *seed = from_environment("CHURN_SEED", any_seed());
    allow_seconds(atoi(seconds) + 150);
    return run_program(WORDS(CHURN, *seed, steps, seconds), env);
}

Test(churn, guard_replaces_every_guarded_descriptor_and_no_other)
{
    const char *seed = NULL;
    const char *steps = getenv("CHURN_SECONDS") != NULL ? "1000000000" : "200000";
    const char *const *env =
        WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=20000-29999", "REDISGUARD_STRICT=1");
    struct outcome outcome = churn(steps, env, &seed);
    cr_expect_eq(outcome.status, 0, "CHURN_SEED=%s: %s%s", seed, outcome.out, outcome.err);
    cr_log_info("CHURN_SEED=%s: %s", seed, outcome.out);
}

Test(churn, without_guard_child_holds_connection)
{
    const char *seed = NULL;
    struct outcome outcome = churn("2000", NULL, &seed);
    cr_expect_eq(outcome.status, 1);
    cr_expect(strstr(outcome.err, "the child holds a guarded connection") != NULL, "%s",
              outcome.err);
}
