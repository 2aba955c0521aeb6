/*
 * log_paths.c: the tests of shim/lib/log.c: a path that cannot be written to is reported once and
 * stops nothing: no directory, a full device, a FIFO, a link of somebody else's.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "log.h"
#include "log_file.h"
#include "unit.h"

/* In a user namespace that maps one user, root's directories are nobody's, and no path is trusted.
 */
static void needs_trusted_root(void)
{
    struct stat root;
    cr_assert_eq(stat("/", &root), 0);
    if (root.st_uid != 0 && root.st_uid != geteuid())
        cr_skip_test("/ belongs to a user that this namespace does not map");
}

static void expect_complaint_once(int complaints, const char *path, const char *reason)
{
    int open_before = open_descriptors();
    log_line("one");
    log_line("two");
    cr_expect_eq(open_descriptors(), open_before);
    cr_expect_str_eq(captured(complaints),
                     text("redisguard: cannot write to the log \"%s\": %s\n", path, reason));
}

Test(log, missing_directory_is_reported_once_and_not_made)
{
    char *directory = text("%s/missing", scratch_directory());
    char *path = text("%s/log", directory);
    expect_complaint_once(start_log(path), path, "no such directory");
    cr_expect_eq(access(directory, F_OK), -1);
}

Test(log, directory_in_place_of_file_is_reported_once)
{
    const char *path = scratch_directory();
    expect_complaint_once(start_log(path), path, "EISDIR");
}

Test(log, file_in_place_of_directory_is_reported_once)
{
    char *file = text("%s/file", scratch_directory());
    char *path = text("%s/log", file);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    expect_complaint_once(
        start_log(path), path,
        "a part of the path is not a directory, or is a link where others can put one");
}

Test(log, full_device_is_reported_once)
{
    needs_trusted_root();
    expect_complaint_once(start_log("/dev/full"), "/dev/full", "ENOSPC");
}

static void log_beyond_the_limit(void *path)
{
    const struct rlimit limit = {.rlim_cur = 2000, .rlim_max = 2000};
    int complaints = start_log(path);
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    log_line("the file holds as much as this process may write"); /* SIGXFSZ would end this child */
    EXPECT(strstr(captured(complaints), ": EFBIG\n") != NULL);
}

Test(log, file_that_has_grown_to_limit_stops_nothing)
{
    char *path = text("%s/log", scratch_directory());
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_eq(write(file, repeated("old\n", 2000), 2000), 2000);
    in_child(log_beyond_the_limit, path);
    cr_expect_eq(strlen(content_of(path)), 2000);
}

Test(log, path_that_ends_with_slash_is_reported_once)
{
    char *path = text("%s/", scratch_directory());
    expect_complaint_once(start_log(path), path, "no such directory");
}

enum { NOBODY = 65534, SOMEBODY = 65533 };

static void log_as_nobody(void *path)
{
    if (geteuid() == 0)
        EXPECT(setuid(NOBODY) == 0);
    int complaints = start_log(path);
    log_line("one");
    EXPECT(log_says(content_of(path), "one"));
    EXPECT(strcmp(captured(complaints), "") == 0);
}

Test(log, directory_that_may_be_entered_but_not_listed_is_enough)
{
    const char *scratch = scratch_directory();
    char *directory = text("%s/directory", scratch);
    cr_assert_eq(chmod(scratch, 0711), 0);
    cr_assert_eq(mkdir(directory, 0300), 0);
    if (geteuid() == 0 && chown(directory, NOBODY, NOBODY) != 0)
        cr_skip_test("there is no second user");
    in_child(log_as_nobody, text("%s/log", directory));
}

Test(log, name_longer_than_file_name_may_be_is_reported_once)
{
    const char *scratch = scratch_directory();
    char *path = text("%s/%s", scratch, repeated("n", 256));
    int complaints = start_log(path);
    log_line("one");
    log_line("two");
    char *said = captured(complaints);
    cr_expect_eq(strncmp(said, "redisguard: cannot write to the log \"", 37), 0, "%s", said);
    cr_expect_not_null(strstr(said, ": ENAMETOOLONG\n"), "%s", said);
}

Test(log, name_as_long_as_file_name_may_be_is_written_to)
{
    char *path = text("%s/%s", scratch_directory(), repeated("n", 255));
    start_log(path);
    log_line("one");
    cr_expect(log_says(content_of(path), "one"));
}

Test(log, fifo_that_nobody_reads_stops_nothing_and_is_reported_once)
{
    char *path = text("%s/fifo", scratch_directory());
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_complaint_once(start_log(path), path, "it is a FIFO that nobody reads");
}

Test(log, fifo_that_is_full_stops_nothing)
{
    char *path = text("%s/fifo", scratch_directory());
    char got[256];
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    int complaints = start_log(path);
    log_line("first");
    ssize_t length = read(reader, got, sizeof got - 1);
    cr_assert(length > 0);
    got[length] = '\0';
    cr_expect(log_says(got, "first"));
    for (int i = 0; i < 4000; i++)
        log_line("a pipe holds fewer than 4,000 lines");
    cr_expect_not_null(strstr(captured(complaints), ": EAGAIN\n"));
}

/* A directory of this mode, holding a link to a file and a link to a directory, neither in it. */
struct links {
    const char *scratch;
    char *directory;
    char *file;  /* what the first link leads to: is not there yet */
    char *inner; /* a file in what the second link leads to: is not there yet */
};

static struct links make_links(mode_t mode)
{
    const char *scratch = scratch_directory();
    struct links links = {
        .scratch = scratch,
        .directory = text("%s/directory", scratch),
        .file = text("%s/file", scratch),
        .inner = text("%s/elsewhere/log", scratch),
    };
    cr_assert_eq(mkdir(links.directory, 0700), 0);
    cr_assert_eq(mkdir(text("%s/elsewhere", scratch), 0700), 0);
    cr_assert_eq(symlink(links.file, text("%s/to-file", links.directory)), 0);
    cr_assert_eq(symlink("../elsewhere", text("%s/to-directory", links.directory)), 0);
    cr_assert_eq(chmod(links.directory, mode), 0);
    return links;
}

Test(log, link_where_anybody_may_write_is_not_followed)
{
    struct links links = make_links(01777);
    char *path = text("%s/to-file", links.directory);
    expect_complaint_once(start_log(path), path, "it is a link where others can put one");
    cr_expect_eq(access(links.file, F_OK), -1);
}

Test(log, link_to_directory_where_anybody_may_write_is_not_followed)
{
    struct links links = make_links(01777);
    char *path = text("%s/to-directory/log", links.directory);
    expect_complaint_once(
        start_log(path), path,
        "a part of the path is not a directory, or is a link where others can put one");
    cr_expect_eq(access(links.inner, F_OK), -1);
}

Test(log, link_where_its_group_may_write_is_not_followed)
{
    struct links links = make_links(0770);
    char *path = text("%s/to-file", links.directory);
    expect_complaint_once(start_log(path), path, "it is a link where others can put one");
    cr_expect_eq(access(links.file, F_OK), -1);
}

Test(log, link_where_only_its_owner_may_write_is_followed)
{
    needs_trusted_root();
    struct links links = make_links(0755);
    start_log(text("%s/to-file", links.directory));
    log_line("one");
    cr_expect(log_says(content_of(links.file), "one"));
}

Test(log, link_to_directory_where_only_its_owner_may_write_is_followed)
{
    needs_trusted_root();
    struct links links = make_links(0755);
    start_log(text("%s/to-directory/log", links.directory));
    log_line("one");
    cr_expect(log_says(content_of(links.inner), "one"));
}

Test(log, plain_file_where_anybody_may_write_is_written_to)
{
    struct links links = make_links(01777);
    start_log(text("%s/log", links.directory));
    log_line("one");
    cr_expect(log_says(content_of(text("%s/log", links.directory)), "one"));
}

/* ---- links that are trusted, and where they lead ---- */

static const char *link_to(const char *scratch, const char *name, const char *target)
{
    char *link = text("%s/%s", scratch, name);
    cr_assert_eq(symlink(target, link), 0);
    return link;
}

Test(log, trusted_link_to_untrusted_link_is_not_followed)
{
    struct links links = make_links(01777);
    const char *path = link_to(links.scratch, "l", "directory/to-file");
    expect_complaint_once(start_log(path), path, "it is a link where others can put one");
    cr_expect_eq(access(links.file, F_OK), -1);
}

Test(log, trusted_link_through_untrusted_link_is_not_followed)
{
    needs_trusted_root();
    struct links links = make_links(0777);
    const char *path = link_to(links.scratch, "l", text("%s/to-directory/log", links.directory));
    expect_complaint_once(
        start_log(path), path,
        "a part of the path is not a directory, or is a link where others can put one");
    cr_expect_eq(access(links.inner, F_OK), -1);
}

/* The kernel would take them too. */
Test(log, trusted_links_of_every_kind_are_followed)
{
    needs_trusted_root();
    const char *scratch = scratch_directory();
    const char *const targets[][2] = {
        {"to-absolute", text("%s/a/b/", scratch)},
        {"to-relative", "./a/../a/b//"},
        {"to-link", "to-relative"},
        {"to-root", "///"},
        {"to-nothing-yet", "a/b/made"},
    };
    cr_assert_eq(mkdir(text("%s/a", scratch), 0700), 0);
    cr_assert_eq(mkdir(text("%s/a/b", scratch), 0700), 0);
    for (size_t i = 0; i < COUNT(targets); i++)
        link_to(scratch, targets[i][0], targets[i][1]);
    const char *const paths[][2] = {
        {"to-absolute/log", "a/b/log"},  {"to-relative/log", "a/b/log"},
        {"to-link/../b/log", "a/b/log"}, {text("to-root/%s/a/b/log", scratch), "a/b/log"},
        {"to-nothing-yet", "a/b/made"},  {"to-link/../../to-link/log", "a/b/log"},
    };
    int complaints = start_log(text("%s/log", scratch));
    for (size_t i = 0; i < COUNT(paths); i++) {
        int file = log_file_open(text("%s/%s", scratch, paths[i][0]));
        cr_assert(file >= 0, "%s: %s", paths[i][0], log_file_error(file));
        cr_assert_eq(write(file, "x", 1), 1);
        close(file);
        char *real = text("%s/%s", scratch, paths[i][1]);
        cr_expect_str_eq(content_of(real), "x", "%s", paths[i][0]);
        cr_assert_eq(unlink(real), 0);
    }
    cr_expect_str_empty(captured(complaints));
}

Test(log, links_that_lead_to_each_other_end_somewhere)
{
    const char *scratch = scratch_directory();
    link_to(scratch, "a", "b");
    link_to(scratch, "b", "a");
    link_to(scratch, "self", "self/x");
    cr_expect(log_file_open(text("%s/a", scratch)) < 0);
    cr_expect(log_file_open(text("%s/a/log", scratch)) < 0);
    cr_expect(log_file_open(text("%s/self/log", scratch)) < 0);
}

Test(log, links_of_proc_file_system_lead_to_what_is_open)
{
    needs_trusted_root();
    const char *scratch = scratch_directory();
    int capture = open_capture();
    int open_before = open_descriptors();
    int file = log_file_open(text("/proc/self/fd/%d", capture));
    cr_assert(file >= 0, "%s", log_file_error(file));
    cr_assert_eq(write(file, "x", 1), 1);
    close(file);
    cr_expect_str_eq(captured(capture), "x");
    file = log_file_open(text("/proc/self/root%s/log", scratch));
    cr_expect(file >= 0, "%s", log_file_error(file));
    close(file);
    cr_expect_eq(open_descriptors(), open_before);
}

/* ---- what is no link ---- */

Test(log, hard_link_that_others_could_have_made_is_not_written_to)
{
    struct links links = make_links(01777);
    char *path = text("%s/log", links.directory);
    close(open(links.file, O_WRONLY | O_CREAT, 0600));
    cr_assert_eq(link(links.file, path), 0);
    expect_complaint_once(start_log(path), path,
                          "it has more than one name where others can give it one");
    cr_expect_str_empty(content_of(links.file));
}

Test(log, hard_link_is_written_to_where_only_its_owner_may_write)
{
    needs_trusted_root();
    struct links links = make_links(0755);
    char *path = text("%s/log", links.directory);
    close(open(links.file, O_WRONLY | O_CREAT, 0600));
    cr_assert_eq(link(links.file, path), 0);
    start_log(path);
    log_line("one");
    cr_expect(log_says(content_of(links.file), "one"));
}

Test(log, device_is_not_written_to_where_others_could_have_put_it)
{
    struct links links = make_links(01777);
    char *path = text("%s/log", links.directory);
    if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) != 0) /* /dev/null */
        cr_skip_test("may not make a device");
    expect_complaint_once(start_log(path), path,
                          "it is no regular file, FIFO or terminal where others can put one");
}

/* ---- directories of somebody else ---- */

static void give_to(const char *path, uid_t owner)
{
    if (geteuid() != 0 || lchown(path, owner, (gid_t)-1) != 0)
        cr_skip_test("needs root, and a second user");
}

Test(log, link_in_directory_of_another_user_is_not_followed)
{
    struct links links = make_links(0755);
    give_to(links.directory, NOBODY);
    char *path = text("%s/to-file", links.directory);
    expect_complaint_once(start_log(path), path, "it is a link where others can put one");
    cr_expect_eq(access(links.file, F_OK), -1);
}

Test(log, link_below_directory_of_another_user_is_not_followed)
{
    struct links links = make_links(0755);
    char *below = text("%s/below", links.directory);
    cr_assert_eq(mkdir(below, 0755), 0);
    cr_assert_eq(symlink(links.file, text("%s/log", below)), 0);
    give_to(links.directory, NOBODY);
    char *path = text("%s/log", below);
    expect_complaint_once(start_log(path), path, "it is a link where others can put one");
    cr_expect_eq(access(links.file, F_OK), -1);
}

Test(log, link_below_own_directory_like_tmp_is_followed)
{
    needs_trusted_root();
    struct links links = make_links(01777);
    char *below = text("%s/below", links.directory);
    cr_assert_eq(mkdir(below, 0755), 0);
    cr_assert_eq(symlink(links.file, text("%s/log", below)), 0);
    start_log(text("%s/log", below));
    log_line("one");
    cr_expect(log_says(content_of(links.file), "one"));
}

Test(log, plain_file_in_directory_of_another_user_is_written_to)
{
    struct links links = make_links(0755);
    give_to(links.directory, NOBODY);
    start_log(text("%s/log", links.directory));
    log_line("one");
    cr_expect(log_says(content_of(text("%s/log", links.directory)), "one"));
}

static void log_as_somebody(void *path)
{
    EXPECT(seteuid(SOMEBODY) == 0);
    start_log(path);
    log_line("one");
    EXPECT(seteuid(0) == 0);
}

Test(log, effective_users_link_below_directory_of_root_is_followed)
{
    struct links links = make_links(0755);
    cr_assert_eq(chmod(links.scratch, 0711), 0);
    cr_assert_eq(chmod(text("%s/elsewhere", links.scratch), 0777), 0);
    give_to(links.directory, SOMEBODY);
    in_child(log_as_somebody, text("%s/to-directory/log", links.directory));
    cr_expect(log_says(content_of(links.inner), "one"));
}
