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
#define ARCH_GETEUID    SYS_geteuid
#define ARCH_LARGE_FILE 0

#define ARCH_FSTATFS(fd, status) kernel_call(SYS_fstatfs, fd, status, 0, 0, 0, 0)

/* Within a directory of libraries, before glibc 2.37: ld.so(8) looks into these first. */
#define ARCH_LIBRARY_DIRECTORIES "x86_64", "haswell", "xeon_phi", "avx512_1"

/* elf(5): what fills an entry with a function's address, and how it is written down. */
#define ARCH_JUMP_SLOT             R_X86_64_JUMP_SLOT
#define ARCH_GLOB_DAT              R_X86_64_GLOB_DAT
#define ARCH_ADDRESS               R_X86_64_64
#define ARCH_RELOCATION            ElfW(Rela)
#define ARCH_TABLE                 DT_RELA
#define ARCH_TABLE_SIZE            DT_RELASZ
#define ARCH_RELATIVE_COUNT        DT_RELACOUNT
#define ARCH_TYPE_OF(info)         ELF64_R_TYPE(info)
#define ARCH_SYMBOL_OF(info)       ELF64_R_SYM(info)
#define ARCH_ADDEND_OF(relocation) (relocation)->r_addend

/* Where the return address of a call is kept: see stack.h. */
#define ARCH_RETURNS_BY_STACK 1

/* ptrace(2): the instruction, how much of a word it fills, how far the counter is past it. */
#define ARCH_BREAKPOINT      0xccUL /* int3 */
#define ARCH_BREAKPOINT_MASK 0xffUL
#define ARCH_BREAKPOINT_STEP 1UL
#define ARCH_COUNTER         rip /* in struct user_regs_struct */
#define ARCH_ARGUMENT        rdi

#endif
