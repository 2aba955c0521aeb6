/*
 * log_paths.c: the tests of shim/lib/log.c: a path that cannot be written to is reported once and
 * stops nothing: no folder, a full device, a FIFO, a link of somebody else's.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "unit.h"

static void expect_complaint_once(int complaints, const char *path, const char *reason)
{
    int open_before = open_descriptors();
    log_line("one");
    log_line("two");
    cr_expect_eq(open_descriptors(), open_before);
    cr_expect_str_eq(captured(complaints),
                     text("redisguard: cannot write to the log \"%s\": %s\n", path, reason));
}

Test(log, a_missing_folder_is_reported_once_and_not_made)
{
    char *folder = text("%s/missing", scratch_directory());
    char *path = text("%s/log", folder);
    expect_complaint_once(start_log(path), path, "no such directory");
    cr_expect_eq(access(folder, F_OK), -1);
}

Test(log, a_folder_in_the_place_of_the_file_is_reported_once)
{
    const char *path = scratch_directory();
    expect_complaint_once(start_log(path), path, "it is a directory");
}

Test(log, a_file_in_the_place_of_a_folder_is_reported_once)
{
    char *file = text("%s/file", scratch_directory());
    char *path = text("%s/log", file);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    expect_complaint_once(
        start_log(path), path,
        "a part of the path is not a directory, or is a link that anybody could have made");
}

Test(log, a_full_device_is_reported_once)
{
    expect_complaint_once(start_log("/dev/full"), "/dev/full", "no space is left on the device");
}

static void log_beyond_the_limit(void *path)
{
    const struct rlimit limit = {.rlim_cur = 2000, .rlim_max = 2000};
    int complaints = start_log(path);
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    log_line("the file holds as much as this process may write"); /* SIGXFSZ would end this child */
    EXPECT(strstr(captured(complaints), ": EFBIG\n") != NULL);
}

Test(log, a_file_that_has_grown_to_the_limit_stops_nothing)
{
    char *path = text("%s/log", scratch_directory());
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_eq(write(file, repeated("old\n", 2000), 2000), 2000);
    in_child(log_beyond_the_limit, path);
    cr_expect_eq(strlen(content_of(path)), 2000);
}

Test(log, a_path_that_ends_with_a_slash_is_reported_once)
{
    char *path = text("%s/", scratch_directory());
    expect_complaint_once(start_log(path), path, "no such directory");
}

static void log_as_nobody(void *path)
{
    enum { NOBODY = 65534 };
    if (geteuid() == 0)
        EXPECT(chown(dirname(strdup(path)), NOBODY, NOBODY) == 0 && setuid(NOBODY) == 0);
    int complaints = start_log(path);
    log_line("one");
    EXPECT(log_says(content_of(path), "one"));
    EXPECT(strcmp(captured(complaints), "") == 0);
}

Test(log, a_folder_that_may_be_entered_but_not_listed_is_enough)
{
    const char *scratch = scratch_directory();
    cr_assert_eq(chmod(scratch, 0711), 0);
    cr_assert_eq(mkdir(text("%s/folder", scratch), 0300), 0);
    in_child(log_as_nobody, text("%s/folder/log", scratch));
}

Test(log, a_name_longer_than_a_file_name_may_be_is_reported_once)
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

Test(log, a_name_as_long_as_a_file_name_may_be_is_written_to)
{
    char *path = text("%s/%s", scratch_directory(), repeated("n", 255));
    start_log(path);
    log_line("one");
    cr_expect(log_says(content_of(path), "one"));
}

Test(log, a_fifo_that_nobody_reads_stops_nothing_and_is_reported_once)
{
    char *path = text("%s/fifo", scratch_directory());
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_complaint_once(start_log(path), path, "it is a FIFO that nobody reads");
}

Test(log, a_fifo_that_is_full_stops_nothing)
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

/* A folder of this mode, holding a link to a file and a link to a folder, neither in it. */
struct links {
    char *folder;
    char *file;  /* what the first link leads to: is not there yet */
    char *inner; /* a file in what the second link leads to: is not there yet */
};

static struct links make_links(mode_t mode)
{
    const char *scratch = scratch_directory();
    struct links links = {
        .folder = text("%s/folder", scratch),
        .file = text("%s/file", scratch),
        .inner = text("%s/elsewhere/log", scratch),
    };
    cr_assert_eq(mkdir(links.folder, 0700), 0);
    cr_assert_eq(mkdir(text("%s/elsewhere", scratch), 0700), 0);
    cr_assert_eq(symlink(links.file, text("%s/to-file", links.folder)), 0);
    cr_assert_eq(symlink("../elsewhere", text("%s/to-folder", links.folder)), 0);
    cr_assert_eq(chmod(links.folder, mode), 0);
    return links;
}

Test(log, a_link_where_anybody_may_write_is_not_followed)
{
    struct links links = make_links(01777);
    char *path = text("%s/to-file", links.folder);
    expect_complaint_once(start_log(path), path, "it is a link that anybody could have made");
    cr_expect_eq(access(links.file, F_OK), -1);
}

Test(log, a_link_to_a_folder_where_anybody_may_write_is_not_followed)
{
    struct links links = make_links(01777);
    char *path = text("%s/to-folder/log", links.folder);
    expect_complaint_once(
        start_log(path), path,
        "a part of the path is not a directory, or is a link that anybody could have made");
    cr_expect_eq(access(links.inner, F_OK), -1);
}

Test(log, a_link_where_only_its_owner_and_group_may_write_is_followed)
{
    struct links links = make_links(0770);
    start_log(text("%s/to-file", links.folder));
    log_line("one");
    cr_expect(log_says(content_of(links.file), "one"));
}

Test(log, a_link_to_a_folder_where_only_its_owner_may_write_is_followed)
{
    struct links links = make_links(0755);
    start_log(text("%s/to-folder/log", links.folder));
    log_line("one");
    cr_expect(log_says(content_of(links.inner), "one"));
}

Test(log, a_plain_file_where_anybody_may_write_is_written_to)
{
    struct links links = make_links(01777);
    start_log(text("%s/log", links.folder));
    log_line("one");
    cr_expect(log_says(content_of(text("%s/log", links.folder)), "one"));
}
