/*
 * Prints its environment as it is, each entry ended by a bar. Unlike printenv(1) it shows entries
 * that have no name or no '='.
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    for (char **entry = environ; *entry != NULL; entry++)
        printf("%s|", *entry);
    return 0;
}
