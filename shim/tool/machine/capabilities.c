/*
 * capabilities.c: see capabilities.h.
 */
#include "machine/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

bool capability_is_effective(unsigned capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {{0}};
    return syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective & 1U << capability) != 0;
}

bool capabilities_read(void)
{
    return capability_is_effective(CAP_DAC_READ_SEARCH) ||
           capability_is_effective(CAP_DAC_OVERRIDE);
}

bool capabilities_suffice(void)
{
    return capability_is_effective(CAP_SYS_PTRACE) && capabilities_read();
}
