/*
 * rights.c: why the kernel refuses, in the words of capabilities(7). Changes nothing.
 */
#include <linux/capability.h>

#include "common/complain.h"
#include "machine/capabilities.h"
#include "machine/sysctl.h"
#include "tune/round.h"

void rights_complain(bool enter)
{
    int scope = sysctl_number("kernel/yama/ptrace_scope", 0); /* 0 to 3; no Yama: none */
    bool trace = capability_is_effective(CAP_SYS_PTRACE);
    bool read = capabilities_read();
    if (!trace)
        complain("CAP_SYS_PTRACE is missing: needed for the connections of other users' processes");
    if (!read)
        complain("CAP_DAC_READ_SEARCH is missing: needed to read /proc/PID/fd of other users");
    if (enter && !capability_is_effective(CAP_SYS_ADMIN))
        complain("CAP_SYS_ADMIN is missing: needed to enter other network namespaces");
    else if (trace && read && scope < 3)
        complain("no capability is missing here: a user namespace or a security module refuses");
    if (scope == 3 || (scope > 0 && !trace))
        complain("kernel.yama.ptrace_scope is %d: %s", scope,
                 scope == 3 ? "nobody may copy a descriptor of another process"
                            : "one's own processes need CAP_SYS_PTRACE too");
}
