/*
 * child_early: a program that needs the library modules/child_early.c, whose constructor the loader
 * runs first of all. Does nothing itself.
 */
#include <stdio.h>

int main(void)
{
    puts("main");
    return 0;
}
