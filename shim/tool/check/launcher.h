/*
 * launcher.h: programs that start another: env, sudo, systemd-run ... Do they pass LD_PRELOAD on?
 */
#ifndef REDISGUARD_CHECK_LAUNCHER_H
#define REDISGUARD_CHECK_LAUNCHER_H

enum launched {
    LAUNCHES_NOTHING,  /* no launcher: the program itself is meant */
    LAUNCHES,          /* *started is what it starts, with our environment as it now is */
    LAUNCHES_UNKNOWN,  /* passes the environment on, but to what cannot be told: found and said */
    LAUNCHES_UNGUARDED /* takes the guard away: found and said */
};

enum launched launcher_follow(const char *path, char **argv, char ***started);

#endif
