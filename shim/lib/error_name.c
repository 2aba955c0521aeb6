/*
 * error_name.c: an error of a system call by its name; see error_name.h. Decides nothing, touches
 * nothing. libc's strerrorname_np(3) is not in every libc, and not async-signal-safe by contract.
 */
#include "error_name.h"

#include <errno.h>

/* What the calls that are logged can fail with. An array in each entry, not a pointer, which the
 * loader would have to relocate at each start. */
struct name {
    short number;
    char name[18];
};

#define NAME(error)                                                                                \
    {                                                                                              \
        error, #error                                                                              \
    }

static const struct name names[] = {
    NAME(EPERM),      NAME(ENOENT),          NAME(EINTR),        NAME(EIO),      NAME(ENXIO),
    NAME(EBADF),      NAME(EAGAIN),          NAME(ENOMEM),       NAME(EACCES),   NAME(EFAULT),
    NAME(EBUSY),      NAME(EEXIST),          NAME(ENODEV),       NAME(ENOTDIR),  NAME(EISDIR),
    NAME(EINVAL),     NAME(ENFILE),          NAME(EMFILE),       NAME(ETXTBSY),  NAME(EFBIG),
    NAME(ENOSPC),     NAME(EROFS),           NAME(EMLINK),       NAME(EPIPE),    NAME(ENAMETOOLONG),
    NAME(ENOSYS),     NAME(ELOOP),           NAME(EOVERFLOW),    NAME(ENOTSOCK), NAME(ENOPROTOOPT),
    NAME(EOPNOTSUPP), NAME(EPROTONOSUPPORT), NAME(EAFNOSUPPORT), NAME(ENOBUFS),  NAME(ESTALE),
    NAME(EDQUOT),
};

const char *error_name(int error)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == -error)
            return names[i].name;
    return "an error without a name here";
}
