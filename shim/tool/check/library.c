/*
 * library.c: see library.h. Reads the file's status, /etc/ld.so.preload and the environment.
 */
#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/strings.h"
#include "report.h"

/* ld.so(8) splits lists of libraries at these, and knows no way to quote them. */
#define SEPARATORS ": \t\n"

/* ---- the file ---- */

/* Whether a process of any user may open it: each directory may be searched, and the file read. */
static const char *closed_part(const char *library)
{
    char *path = xasprintf("%s", library);
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & S_IROTH) == 0)
        return library;
    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (stat(slash == path ? "/" : path, &status) == 0 && (status.st_mode & S_IXOTH) == 0)
            return slash == path ? "/" : path;
    }
    return NULL;
}

static bool is_on_noexec_mount(const char *path)
{
    struct statvfs mount;
    return statvfs(path, &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0;
}

static bool is_readable_file(const char *library)
{
    struct stat status;
    if (*library != '/') /* the working directory is nobody's to trust */
        fail("library", xasprintf("%s is no absolute path", library), "install it: make install");
    else if (stat(library, &status) != 0)
        fail("library", xasprintf("%s: %s", library, strerror(errno)),
             "install it there: make install");
    else if (!S_ISREG(status.st_mode))
        fail("library", xasprintf("%s is not a file", library), "install the library there");
    else if (faccessat(AT_FDCWD, library, R_OK, AT_EACCESS) != 0)
        fail("library", xasprintf("%s: this user may not read it", library),
             xasprintf("chmod 755 %s", library));
    else
        return true;
    return false;
}

bool library_is_usable(const char *library)
{
    if (!is_readable_file(library))
        return false;
    if (strpbrk(library, SEPARATORS) != NULL) {
        fail("library",
             xasprintf("%s: LD_PRELOAD cannot hold a path with a space or a colon", library),
             "move it");
        return false;
    }
    if (is_on_noexec_mount(library)) {
        fail("library", xasprintf("%s lies on a file system that is mounted noexec", library),
             "move it to another, or mount that without noexec");
        return false;
    }
    const char *closed = closed_part(library);
    if (closed != NULL)
        warn("library", xasprintf("not every user may read %s: %s", library, closed),
             "open it with chmod o+rX, or programs of other users run without the guard");
    else
        ok("library", library);
    return true;
}

/* ---- the list ---- */

void library_preload(const char *library)
{
    const char *list = getenv("LD_PRELOAD");
    if (list == NULL || *list == '\0')
        setenv("LD_PRELOAD", library, 1);
    else if (!library_is_preloaded(library))
        setenv("LD_PRELOAD", xasprintf("%s:%s", library, list), 1);
}

bool library_is_preloaded(const char *library)
{
    const char *list = getenv("LD_PRELOAD");
    char *words = xasprintf("%s", list != NULL ? list : "");
    for (char *rest = words, *word; (word = strsep(&rest, SEPARATORS)) != NULL;)
        if (strcmp(word, library) == 0)
            return true;
    return false;
}

/* ---- another one ---- */

static bool is_named_like_ours(const char *path)
{
    return strncmp(base_name(path), "libredisguard.so", strlen("libredisguard.so")) == 0;
}

static bool is_same_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static void seek_in(const char *list, const char *where, const char *library)
{
    char *words = xasprintf("%s", list);
    for (char *rest = words, *word; (word = strsep(&rest, SEPARATORS)) != NULL;) {
        bool is_global = strcmp(where, GLOBAL_PRELOAD) == 0;
        if (!is_named_like_ours(word) || (strcmp(word, library) == 0 && !is_global))
            continue;
        if (is_global && access(word, R_OK) == 0 && is_same_file(word, library))
            ok("preload", xasprintf("%s names %s: it is in force for every program", where, word));
        else if (is_same_file(word, library))
            ok("preload", xasprintf("%s in %s is the same file: it is loaded once", word, where));
        else
            warn("preload", xasprintf("%s in %s is another copy: both are loaded", word, where),
                 "take one of them out");
    }
}

void library_seek_others(const char *library)
{
    const char *list = getenv("LD_PRELOAD");
    char *line = NULL;
    size_t room = 0;
    if (list != NULL)
        seek_in(list, "LD_PRELOAD", library);
    FILE *file = fopen(GLOBAL_PRELOAD, "re");
    if (file == NULL)
        return;
    while (getline(&line, &room, file) >= 0)
        seek_in(line, GLOBAL_PRELOAD, library);
    fclose(file);
}

bool library_is_global(void)
{
    bool is_named = false;
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(GLOBAL_PRELOAD, "re");
    if (file == NULL)
        return false;
    while (getline(&line, &room, file) >= 0)
        for (char *rest = line, *word; (word = strsep(&rest, SEPARATORS)) != NULL;)
            is_named = is_named || (is_named_like_ours(word) && access(word, R_OK) == 0);
    fclose(file);
    return is_named;
}
