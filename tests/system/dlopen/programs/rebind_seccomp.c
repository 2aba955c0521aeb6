/*
 * rebind_seccomp PORT MODULE: goes into a sandbox where mprotect(2) makes nothing writable, loads
 * the module with RTLD_DEEPBIND, and tells whether its setsockopt() works and is guarded.
 */
#include "rebind_tools.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void forbid_to_make_writable(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    checked(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    checked(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "PR_SET_SECCOMP");
}

int main(int argc, char *argv[])
{
    (void)argc;
    forbid_to_make_writable();
    const struct calls *calls = calls_of(dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND));
    int fd = connect_socket(atoi(argv[1]), 0);
    printf("setsockopt: %s\n", setsockopt_is_guarded(calls, fd) ? "guarded" : "bypasses");
    return 0;
}
