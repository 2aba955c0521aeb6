/*
 * aarch64.h: see arch.h.
 */
#ifndef ARCH_AARCH64_H
#define ARCH_AARCH64_H

static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

#define ARCH_MMAP       SYS_mmap
#define ARCH_GETEUID    SYS_geteuid
#define ARCH_LARGE_FILE 0

#define ARCH_FSTATFS(fd, status) kernel_call(SYS_fstatfs, fd, status, 0, 0, 0, 0)

#define ARCH_LIBRARY_DIRECTORIES "aarch64", "atomics" /* see x86_64.h */

/* elf(5): what fills an entry with a function's address, and how it is written down. */
#define ARCH_JUMP_SLOT             R_AARCH64_JUMP_SLOT
#define ARCH_GLOB_DAT              R_AARCH64_GLOB_DAT
#define ARCH_ADDRESS               R_AARCH64_ABS64
#define ARCH_RELOCATION            ElfW(Rela)
#define ARCH_TABLE                 DT_RELA
#define ARCH_TABLE_SIZE            DT_RELASZ
#define ARCH_RELATIVE_COUNT        DT_RELACOUNT
#define ARCH_TYPE_OF(info)         ELF64_R_TYPE(info)
#define ARCH_SYMBOL_OF(info)       ELF64_R_SYM(info)
#define ARCH_ADDEND_OF(relocation) (relocation)->r_addend

/* Where the return address of a call is kept: see stack.h. */
#define ARCH_RETURNS_BY_STACK 0

/* ptrace(2): the instruction, how much of a word it fills, how far the counter is past it. */
#define ARCH_BREAKPOINT      0xd4200000UL /* brk #0 */
#define ARCH_BREAKPOINT_MASK 0xffffffffUL
#define ARCH_BREAKPOINT_STEP 0UL
#define ARCH_COUNTER         pc /* in struct user_regs_struct */
#define ARCH_ARGUMENT        regs[0]

#endif
