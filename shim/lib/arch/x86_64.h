/*
 * x86_64.h: see arch.h.
 */
#ifndef ARCH_X86_64_H
#define ARCH_X86_64_H

static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define ARCH_MMAP       SYS_mmap
#define ARCH_LARGE_FILE 0

/* elf(5) */
#define ARCH_JUMP_SLOT        R_X86_64_JUMP_SLOT
#define ARCH_GLOB_DAT         R_X86_64_GLOB_DAT
#define ARCH_ADDRESS          R_X86_64_64
#define ARCH_ADDENDS_IN_PLACE 0 /* Rela: each relocation has its own */
#define ARCH_RETURNS_BY_STACK 1 /* call pushes the return address, and ret leaves it there */

/* ptrace(2): the instruction, how much of a word it fills, how far the counter is past it. */
#define ARCH_BREAKPOINT      0xccUL /* int3 */
#define ARCH_BREAKPOINT_MASK 0xffUL
#define ARCH_BREAKPOINT_STEP 1UL
#define ARCH_COUNTER         rip /* in struct user_regs_struct */
#define ARCH_ARGUMENT        rdi

#endif
