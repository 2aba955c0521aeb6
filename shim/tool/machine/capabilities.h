/*
 * capabilities.h: what this process may do to others, capabilities(7).
 */
#ifndef REDISGUARD_TOOL_CAPABILITIES_H
#define REDISGUARD_TOOL_CAPABILITIES_H

#include <errno.h>
#include <stdbool.h>

/* Is it in our effective set? CAP_SYS_PTRACE: to follow /proc/PID/fd of others, and to copy their
 * descriptors. Below 32. */
bool capability_is_effective(unsigned capability);

/* To list /proc/PID/fd of others: CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE. */
bool capabilities_read(void);

/* Have we all that it takes to look into any process? */
bool capabilities_suffice(void);

/* For lack of a right, as far as errno tells. */
static inline bool is_denial(int error)
{
    return error == EACCES || error == EPERM;
}

#endif
