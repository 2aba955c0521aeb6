/* Needs version 2 of the library of which the program that loads it has version 1. */
int library_version(void);
int version_in_module(void);

int version_in_module(void)
{
    return library_version();
}
