/*
 * hot_bss.h: where the variables lie that nearly every process writes, at its start or when it
 * forks.
 *
 * The first write to a page costs a page fault, and one more, with a copy, after each fork. So they
 * lie together, behind the configuration, which begins a page: the linker sorts .bss.* by name.
 * All start as zeroes: an empty .data spares a mapping, which every fork would copy.
 */
#ifndef HOT_BSS_H
#define HOT_BSS_H

#define HOT_BSS __attribute__((section(".bss.hot")))

#endif
