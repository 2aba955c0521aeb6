/*
 * dlopen.S: the dlopen hook. The real dlopen learns by its return address who calls, and searches
 * that caller's RUNPATH and $ORIGIN; so this asks dlopen_route (hooks.c) where to go and jumps
 * there, with stack and arguments as they came. In C a tail jump would depend on the optimiser.
 */
    .text
    .globl dlopen
    .type dlopen, %function
    .balign 16
dlopen:
    .cfi_startproc

#if defined(__x86_64__)

    endbr64
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    leaq 16(%rsp), %rdx /* the return address */
    subq $8, %rsp       /* a call needs 16-byte alignment */
    .cfi_adjust_cfa_offset 8
    call dlopen_route
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    jmpq *%rax

#elif defined(__aarch64__)

    hint 34 /* bti c */
    stp x29, x30, [sp, -32]!
    .cfi_def_cfa_offset 32
    .cfi_offset 29, -32
    .cfi_offset 30, -24
    stp x0, x1, [sp, 16]
    mov x29, sp
    add x2, sp, 8 /* where the return address is kept */
    bl dlopen_route
    mov x16, x0
    ldp x0, x1, [sp, 16]
    ldp x29, x30, [sp], 32
    .cfi_restore 30
    .cfi_restore 29
    .cfi_def_cfa_offset 0
    br x16

#elif defined(__i386__)

    pushl %esp /* as it was: where the return address is; with these three it is aligned */
    .cfi_adjust_cfa_offset 4
    pushl 12(%esp)
    .cfi_adjust_cfa_offset 4
    pushl 12(%esp)
    .cfi_adjust_cfa_offset 4
    call dlopen_route
    addl $12, %esp
    .cfi_adjust_cfa_offset -12
    jmp *%eax

#else
#error "redisguard knows how to jump to dlopen on x86-64, arm64 and i386 only"
#endif

    .cfi_endproc
    .size dlopen, . - dlopen

    .hidden dlopen_route
    .section .note.GNU-stack, "", %progbits

#if defined(__x86_64__) && defined(__CET__)
    .section .note.gnu.property, "a"
    .balign 8
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 3, 0 /* GNU_PROPERTY_X86_FEATURE_1_AND: IBT and SHSTK */
#endif
