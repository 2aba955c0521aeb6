/*
 * arch.h: the machine that the library is built for. Each header of this directory tells how that
 * machine makes a system call, which relocations fill a GOT entry with a function's address, and
 * what a debugger needs; nothing else in the sources depends on a machine but dlopen.S beside it.
 */
#ifndef ARCH_H
#define ARCH_H

#if defined(__x86_64__) && !defined(__ILP32__)
#include "arch/x86_64.h"
#elif defined(__aarch64__)
#include "arch/aarch64.h"
#elif defined(__i386__)
#include "arch/i386.h"
#else
#error "redisguard knows x86-64, arm64 and i386 only"
#endif

#endif
