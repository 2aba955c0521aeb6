/* One of two versions of a library; flags.mk builds the other one from the same source. */
#ifndef VERSION
#define VERSION 1
#endif

int library_version(void);

int library_version(void)
{
    return VERSION;
}
