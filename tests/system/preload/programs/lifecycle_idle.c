/*
 * lifecycle_idle: a program with nothing to do; it leaves standard output open to the end, which
 * those of coreutils do not. lifecycle_needs is the same, and needs the library
 * modules/lifecycle_client.c (flags.mk).
 */
#include <stdio.h>

int main(void)
{
    puts("main");
    return fflush(stdout);
}
