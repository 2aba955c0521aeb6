/*
 * sysctl.h: numbers below /proc/sys; those of net/ are of the network namespace that we are in.
 */
#ifndef REDISGUARD_TOOL_SYSCTL_H
#define REDISGUARD_TOOL_SYSCTL_H

/* name: its path below /proc/sys. fallback: where this kernel has none. */
int sysctl_number(const char *name, int fallback);

#endif
