/*
 * early_idle: a program with nothing to do; it leaves standard output open to the end, which those
 * of coreutils do not. early_needs is the same, and needs the library modules/early_client.c
 * (flags.mk).
 */
#include <stdio.h>

int main(void)
{
    puts("main");
    return fflush(stdout);
}
