/*
 * i386.h: see arch.h. A debugger finds nothing here: --check is not built for this machine.
 */
#ifndef ARCH_I386_H
#define ARCH_I386_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The sixth argument goes into ebp, which the compiler may be using. */
static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    __asm__ volatile("pushl %[sixth]\n\t"
                     "pushl %%ebp\n\t"
                     "movl 4(%%esp), %%ebp\n\t"
                     "int $0x80\n\t"
                     "popl %%ebp\n\t"
                     "addl $4, %%esp"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [sixth] "m"(f)
                     : "cc", "memory");
    return result;
}

/*
 * The old calls, with a time of 32 bits, are those that every kernel and sandbox has; the direct
 * socket calls this machine has since Linux 4.3. A file that is opened without O_LARGEFILE ends at
 * 2 GiB.
 */
#define ARCH_MMAP       SYS_mmap2
#define ARCH_GETEUID    SYS_geteuid32
#define ARCH_LARGE_FILE 0100000

/* 84 is the size of its struct statfs64. */
#define ARCH_FSTATFS(fd, status) kernel_call(SYS_fstatfs64, fd, 84, status, 0, 0, 0)

/* libc's struct stat is not the kernel's here. Fills in what the guard asks for. */
#define ARCH_HAS_FSTAT
static inline int kernel_fstat(int fd, struct stat *status)
{
    struct {
        uint64_t device;
        uint32_t unused, inode, mode, links, user, rest[17];
    } file = {0}; /* as asm/stat.h has it; that cannot be included beside libc's */
    int error = (int)kernel_call(SYS_fstat64, fd, (long)&file, 0, 0, 0, 0);
    status->st_dev = file.device;
    status->st_ino = file.inode;
    status->st_mode = file.mode;
    status->st_nlink = file.links;
    status->st_uid = file.user;
    return error;
}

#define ARCH_LIBRARY_DIRECTORIES "i686", "i586", "sse2" /* see x86_64.h */

/* elf(5): what fills an entry with a function's address, and how it is written down. */
#define ARCH_JUMP_SLOT       R_386_JMP_SLOT
#define ARCH_GLOB_DAT        R_386_GLOB_DAT
#define ARCH_ADDRESS         R_386_32
#define ARCH_RELOCATION      ElfW(Rel)
#define ARCH_TABLE           DT_REL
#define ARCH_TABLE_SIZE      DT_RELSZ
#define ARCH_RELATIVE_COUNT  DT_RELCOUNT
#define ARCH_TYPE_OF(info)   ELF32_R_TYPE(info)
#define ARCH_SYMBOL_OF(info) ELF32_R_SYM(info)
/* Rel: it stood in the entry until the loader wrote that. Nobody adds to a function. */
#define ARCH_ADDEND_OF(relocation) 0

/* Where the return address of a call is kept: see stack.h. */
#define ARCH_RETURNS_BY_STACK 1

#endif
