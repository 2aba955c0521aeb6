/*
 * systemd.h: a real systemd, process 1 of namespaces of its own.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_SYSTEMD_H
#define REDISGUARD_TESTS_SYSTEM_SYSTEMD_H

/* What a service prints where systemd has these lines in its configuration: see in_systemd. Skips
 * the test where systemd cannot be started. */
char *in_systemd(const char *setup);

#endif
