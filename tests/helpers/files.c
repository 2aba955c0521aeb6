/*
 * files.c: see files.h. Writes below the directory for temporary files only.
 */
#include "files.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "reaper.h"

static void must(int holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

char *text(const char *format, ...)
{
    char *made = NULL;
    va_list arguments;
    va_start(arguments, format);
    must(vasprintf(&made, format, arguments) >= 0, format);
    va_end(arguments);
    return made;
}

char *read_to_the_end(int fd)
{
    enum { PART = 65536 };
    char *all = NULL;
    size_t length = 0;
    for (ssize_t got = 1; got > 0; length += (size_t)got) {
        char *longer = realloc(all, length + PART + 1);
        must(longer != NULL, "realloc");
        all = longer;
        got = read(fd, all + length, PART);
        must(got >= 0, "read");
    }
    all[length] = '\0';
    close(fd);
    return all;
}

char *content_of(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    must(file >= 0, path);
    return read_to_the_end(file);
}

const char *scratch_directory(void)
{
    static char *directory;
    if (directory == NULL) {
        const char *above = getenv("TMPDIR");
        char *real = realpath(above != NULL && *above != '\0' ? above : "/tmp", NULL);
        directory = text("%s/redisguard-test-XXXXXX", real != NULL ? real : "/tmp");
        must(mkdtemp(directory) != NULL, directory);
        keep_directory(directory);
    }
    return directory;
}
