/*
 * sysctl.c: see sysctl.h.
 */
#include "machine/sysctl.h"

#include <stdio.h>

int sysctl_number(const char *name, int fallback)
{
    char path[128];
    int value = fallback;
    snprintf(path, sizeof path, "/proc/sys/%s", name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fallback;
    if (fscanf(file, "%d", &value) != 1)
        value = fallback;
    fclose(file);
    return value;
}
