/*
 * rights.c: why the kernel refuses, in the words of capabilities(7). Changes nothing.
 */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/complain.h"
#include "tune/round.h"

static unsigned effective(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {{0}};
    return syscall(SYS_capget, &header, sets) == 0 ? sets[0].effective : 0;
}

static bool has(unsigned set, unsigned capability)
{
    return (set & 1U << capability) != 0;
}

static bool may_trace(unsigned set)
{
    return has(set, CAP_SYS_PTRACE);
}

static bool may_read(unsigned set)
{
    return has(set, CAP_DAC_READ_SEARCH) || has(set, CAP_DAC_OVERRIDE);
}

bool rights_suffice(void)
{
    unsigned set = effective();
    return may_trace(set) && may_read(set);
}

/* 0 to 3; 0 also where there is no Yama. */
static int ptrace_scope(void)
{
    int scope = 0;
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%d", &scope) != 1)
        scope = 0;
    fclose(file);
    return scope;
}

void rights_complain(bool enter)
{
    unsigned set = effective();
    int scope = ptrace_scope();
    bool trace = may_trace(set);
    bool read = may_read(set);
    if (!trace)
        complain("CAP_SYS_PTRACE is missing: needed for the connections of other users' processes");
    if (!read)
        complain("CAP_DAC_READ_SEARCH is missing: needed to read /proc/PID/fd of other users");
    if (enter && !has(set, CAP_SYS_ADMIN))
        complain("CAP_SYS_ADMIN is missing: needed to enter other network namespaces");
    else if (trace && read && scope < 3)
        complain("no capability is missing here: a user namespace or a security module refuses");
    if (scope == 3 || (scope > 0 && !trace))
        complain("kernel.yama.ptrace_scope is %d: %s", scope,
                 scope == 3 ? "nobody may copy a descriptor of another process"
                            : "one's own processes need CAP_SYS_PTRACE too");
}
