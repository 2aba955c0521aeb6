/*
 * support_rights.c: what the tester may do to other users and their processes; see support.h.
 */
#include "support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_root_of_all_users(void)
{
    return geteuid() == 0 && strstr(content_of("/proc/self/uid_map"), "4294967295") != NULL;
}

void needs_root(const char *what)
{
    if (!is_root_of_all_users())
        cr_skip_test("needs root, %s", what);
}

void needs_mounts(void)
{
    needs_root("to mount");
    if (!mounts_permitted())
        cr_skip_test("needs mounts: not in a plain chroot");
}

void needs_somebody_else(void)
{
    if (geteuid() == 0)
        needs_root("to become somebody else");
}

void needs_directories_of_root(void)
{
    struct stat root;
    cr_assert_eq(stat("/", &root), 0);
    if (root.st_uid != 0)
        cr_skip_test("/ belongs to a user that this namespace does not map");
}

/* The kernel asks when the directory is opened. */
static bool is_hidden(const char *descriptors)
{
    DIR *directory = opendir(descriptors);
    if (directory == NULL)
        return errno == EACCES || errno == EPERM;
    closedir(directory);
    return false;
}

void needs_sight_of_all_processes(void)
{
    glob_t all;
    if (is_root_of_all_users())
        return;
    cr_assert_eq(glob("/proc/[0-9]*/fd", GLOB_NOSORT, NULL, &all), 0);
    for (size_t i = 0; i < all.gl_pathc; i++)
        if (is_hidden(all.gl_pathv[i]))
            cr_skip_test("needs to look into %s: run as root", all.gl_pathv[i]);
}
