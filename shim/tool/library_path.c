/*
 * library_path.c: see library_path.h. The Makefile gives REDISGUARD_LIBDIR; `make install` compiles
 * this file again for the LIBDIR that it installs to.
 */
#include "library_path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/complain.h"

#define NAME "libredisguard.so"

/* The directory of this program's file, to whichever link its name belonged. Empty: not known. */
static void find_own_directory(char directory[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);
    directory[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* In this directory. Only an absolute path means the same file in every working directory. */
static bool is_there(struct library_path *library, const char *directory, const char *name)
{
    struct stat status;
    int length = snprintf(library->path, PATH_MAX, "%s/%s", directory, name);
    return *library->path == '/' && length < PATH_MAX && stat(library->path, &status) == 0 &&
           S_ISREG(status.st_mode);
}

struct library_path library_path_find(void)
{
    struct library_path library = {.is_found = false};
    char directory[PATH_MAX];
    find_own_directory(directory);
    library.is_found =
        is_there(&library, directory, NAME) || is_there(&library, REDISGUARD_LIBDIR, NAME);
    return library;
}

/* Where a library for i386 was installed too, a directory is called $LIB: glibc reads that as the
 * directory of the program's own class, musl as its name. */
static void prefer_by_class(struct library_path *library)
{
    struct library_path by_class = {.is_found = false};
    char directory[PATH_MAX];
    strcpy(directory, library->path);
    *strrchr(directory, '/') = '\0';
    if (is_there(&by_class, directory, "$LIB/" NAME))
        strcpy(library->path, by_class.path);
}

struct library_path library_path_to_preload(void)
{
    struct library_path library = library_path_find();
    char directory[PATH_MAX];
    find_own_directory(directory);
    if (!library.is_found)
        give_up(NAME " is neither in %s nor in " REDISGUARD_LIBDIR, directory);
    prefer_by_class(&library);
    if (strpbrk(library.path, " :\t\n") != NULL)
        give_up("%s: LD_PRELOAD cannot hold a path with a space or a colon: move it", library.path);
    return library;
}
