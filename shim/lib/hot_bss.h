/*
 * hot_bss.h: where the variables lie that nearly every process writes, at its start or when it
 * forks.
 *
 * The first write to a page costs a page fault, and one more, with a copy, after each fork. So they
 * lie together in one page, which the real functions begin. The configuration comes last: it begins
 * with what every process has, and ends with what few are given. The linker sorts .bss.* by name.
 * All start as zeroes: an empty .data spares a mapping, which every fork would copy.
 */
#ifndef HOT_BSS_H
#define HOT_BSS_H

#define HOT_BSS_FIRST __attribute__((section(".bss.hot.0"), aligned(4096)))
#define HOT_BSS       __attribute__((section(".bss.hot.1")))
#define HOT_BSS_LAST  __attribute__((section(".bss.hot.2")))

#endif
