/*
 * common_page.h: where the variables lie that nearly every process writes, at its start or when it
 * forks.
 *
 * The first write to a page costs a page fault, and one more, with a copy, after each fork. So they
 * lie together, behind the configuration, which begins a page: the linker sorts .bss.* by name.
 * All start as zeroes: an empty .data spares a mapping, which every fork would copy.
 */
#ifndef COMMON_PAGE_H
#define COMMON_PAGE_H

#define ON_COMMON_PAGE __attribute__((section(".bss.common_page")))

#endif
