/*
 * What somebody who means harm, or a machine in a bad state, can put in the guard's way: a program
 * that runs with more rights than its caller, and a log that turns into something else, or can no
 * longer be written, between two lines. The program must not notice, and the guard must not be led
 * to write elsewhere. What is mounted for a test is mounted in a namespace of its own.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- mounts of one's own ---- */

/* From here on what is mounted is seen by this test and what it starts, and by nobody else. */
static void enter_private_mounts(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        cr_skip_test("needs a mount namespace: run as root, or under unshare --map-root-user");
}

static char *make_directory(const char *name)
{
    char *directory = text("%s/%s", scratch_directory(), name);
    cr_assert(mkdir(directory, 0755) == 0, "%s: %s", directory, strerror(errno));
    return directory;
}

/* A disk of 64 kB. */
static char *mount_small_disk(const char *name)
{
    char *directory = make_directory(name);
    enter_private_mounts();
    if (mount("none", directory, "tmpfs", 0, "size=64k") != 0)
        cr_skip_test("may not mount a tmpfs");
    return directory;
}

/* ---- programs with more rights than their caller ---- */

/* Where the loader looks for what a program needs, without being told. */
static char *trusted_directory(void)
{
    Dl_info libc;
    cr_assert(dladdr(dlsym(RTLD_DEFAULT, "printf"), &libc) != 0);
    return dirname(text("%s", libc.dli_fname));
}

/* The loader preloads into a privileged program only what has no slash in its name, lies in such a
 * directory and has the set-user-ID bit itself: ld.so(8). */
static void install_where_the_loader_trusts_it(mode_t mode)
{
    char *layers = make_directory("layers");
    enter_private_mounts();
    if (mount("none", layers, "tmpfs", 0, NULL) != 0)
        cr_skip_test("may not mount a tmpfs");
    char *upper = make_directory("layers/upper");
    char *work = make_directory("layers/work");
    char *directory = trusted_directory();
    char *options = text("lowerdir=%s,upperdir=%s,workdir=%s", directory, upper, work);
    if (mount("none", directory, "overlay", 0, options) != 0)
        cr_skip_test("may not mount an overlay");
    output_of(WORDS("install", "-m", text("%o", mode), LIBRARY, directory));
}

/* This program, owned by another user and with the set-user-ID bit. */
static char *with_set_user_id(const char *name)
{
    enum { NOBODY = 65534 };
    struct statvfs where;
    cr_assert_eq(chmod(scratch_directory(), 0755), 0);
    cr_assert_eq(statvfs(scratch_directory(), &where), 0);
    if (geteuid() != 0 || (where.f_flag & ST_NOSUID) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
        cr_skip_test("needs root, and a file system and process where set-user-ID works");
    output_of(WORDS("install", "-m", "755", text(PROGRAMS "%s", name), scratch_directory()));
    char *program = text("%s/%s", scratch_directory(), name);
    if (chown(program, NOBODY, (gid_t)-1) != 0)
        cr_skip_test("needs a second user: not in this user namespace");
    cr_assert_eq(chmod(program, 04755), 0);
    return program;
}

/* The program that makes socket calls. */
static char *set_user_id_program(void)
{
    return with_set_user_id("sockets");
}

/* On the port that is guarded without being asked to: no variable may say so. */
static struct server *redis_on_the_default_port(void)
{
    enter_private_network();
    return start_redis(WORDS("--port", "6379"));
}

#define HOSTILE_ENVIRONMENT(preload)                                                               \
    "LD_PRELOAD=" preload, TUNED, "REDISGUARD_PROBE=1", "REDISGUARD_STRICT=1",                     \
        "REDISGUARD_FORK=nonsense", LOGGED(log_path())

Test(log_tampering, a_set_user_id_program_is_not_preloaded_by_path)
{
    char *program = set_user_id_program();
    struct server *redis = redis_on_the_default_port();
    const char *const steps[] = {program,  "socket=tcp", connect_step(redis),
                                 "guards", "ping",       NULL};
    EXPECT_LINES(printed_by(steps, WORDS(HOSTILE_ENVIRONMENT(LIBRARY))),
                 "socket 3\nconnect 0\nguards nothing\nping +PONG\n");
    cr_assert_eq(access(log_path(), F_OK), -1);
}

Test(log_tampering, a_set_user_id_program_is_not_preloaded_by_a_name_that_was_not_marked_for_it)
{
    char *program = set_user_id_program();
    struct server *redis = redis_on_the_default_port();
    install_where_the_loader_trusts_it(0644);
    const char *const steps[] = {program, "socket=tcp", connect_step(redis), "guards", NULL};
    EXPECT_LINES(run_program(steps, WORDS(HOSTILE_ENVIRONMENT("libredisguard.so"))).out,
                 "socket 3\nconnect 0\nguards nothing\n");
}

Test(log_tampering, a_set_user_id_program_that_is_preloaded_has_the_defaults_and_no_log)
{
    char *program = set_user_id_program();
    struct server *redis = redis_on_the_default_port();
    install_where_the_loader_trusts_it(04644);
    const char *const steps[] = {program,  "socket=tcp", connect_step(redis),
                                 "guards", "options",    NULL};
    EXPECT_LINES(printed_by(steps, WORDS(HOSTILE_ENVIRONMENT("libredisguard.so"))),
                 "socket 3\nconnect 0\nguards 1\noptions KEEPALIVE 1 KEEPIDLE 30 KEEPINTVL 5 "
                 "KEEPCNT 3 USER_TIMEOUT 45000 CLOEXEC 1\n");
    cr_assert_eq(access(log_path(), F_OK), -1);
}

/* The helper believes its environment: nothing of it may be the first caller's. */
Test(log_tampering,
     a_set_user_id_program_that_is_preloaded_hands_no_variable_on_to_what_it_executes)
{
    char *program = with_set_user_id("setuid_become");
    install_where_the_loader_trusts_it(04644);
    EXPECT_LINES(
        printed_by(WORDS(program, "env"),
                   WORDS("REDISGUARD_TRAP=1", "FIRST=1", HOSTILE_ENVIRONMENT("libredisguard.so"),
                         "REDISGUARD_NO_SUCH=1", "REDISGUARD_=1", "SECOND=2",
                         "REDISGUARD_DISABLE=1", "REDISGUARD_TRAP=0")),
        printed_by(WORDS("env", "-u", "LD_PRELOAD", "env"), WORDS("FIRST=1", "SECOND=2")));
}

Test(log_tampering, the_same_program_without_the_set_user_id_bit_hands_all_variables_on_but_two)
{
    char *program = with_set_user_id("setuid_become");
    cr_assert_eq(chmod(program, 0755), 0);
    char *printed =
        printed_by(WORDS(program, "env"), WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_TRAP=1",
                                                "REDISGUARD_STRICT=1", "REDISGUARD_FORK=off"));
    cr_assert_eq(lines_with(printed, "REDISGUARD_TRAP=1"), 1, "%s", printed);
    cr_assert_eq(lines_with(printed, "REDISGUARD_FORK=off"), 1, "%s", printed);
    cr_assert_eq(lines_with(printed, "REDISGUARD_"), 2, "%s", printed);
}

/* The same program and the same environment, without the bit: so it was the bit. */
Test(log_tampering, the_same_program_without_the_set_user_id_bit_believes_the_environment)
{
    char *program = set_user_id_program();
    cr_assert_eq(chmod(program, 0755), 0);
    struct outcome outcome = run_program(WORDS(program), WORDS(HOSTILE_ENVIRONMENT(LIBRARY)));
    cr_assert_eq(outcome.status, 125);
    cr_assert(strstr(outcome.err, "REDISGUARD_FORK=\"nonsense\""), "%s", outcome.err);
}

/* ---- a log that changes between two lines ---- */

/* Between its two connections something befalls the log; then it forks. Each makes a line. */
static struct program *start_logging(const struct server *redis, const char *log)
{
    struct program *program =
        start_program(STEPS("socket=tcp", connect_step(redis), "hold", "socket=tcp",
                            connect_step(redis), "ping", "hold", "fork", "wait", "ping"),
                      guarded(redis, WORDS(LOGGED(log))));
    wait_for_line(program, "hold");
    return program;
}

static void let_it_log_again(struct program *program)
{
    tell_program(program, "\n");
    wait_for_line(program, "hold");
}

/* It did all that it was to do, and was told on standard error what became of its log. */
static void expect_unharmed(struct program *program, const char *complaint)
{
    tell_program(program, "\n");
    struct outcome outcome = finish_program(program);
    cr_assert_eq(outcome.status, 0, "signal %d", outcome.signal);
    cr_assert_eq(lines_with(outcome.out, "connect 0"), 2, "%s", outcome.out);
    cr_assert(lines_with(outcome.out, "ping +PONG") >= 2, "%s", outcome.out);
    EXPECT_LINES(outcome.err, complaint);
}

static char *complaint_about(const char *log, const char *why)
{
    return text("redisguard: cannot write to the log \"%s\": %s\n", log, why);
}

Test(log_tampering, a_log_that_is_removed_is_made_again)
{
    struct server *redis = start_redis(NULL);
    struct program *program = start_logging(redis, log_path());
    cr_assert_eq(unlink(log_path()), 0);
    let_it_log_again(program);
    char *log = content_of(log_path());
    cr_assert_eq(lines_with(log, "descriptor 4 guarded"), 1, "%s", log);
    cr_assert_eq(lines_with(log, ""), 1, "%s", log);
    expect_unharmed(program, "");
}

Test(log_tampering, a_directory_that_is_removed_with_its_log_is_complained_of_once)
{
    struct server *redis = start_redis(NULL);
    char *log = text("%s/log", make_directory("logs"));
    struct program *program = start_logging(redis, log);
    cr_assert_eq(unlink(log), 0);
    cr_assert_eq(rmdir(text("%s/logs", scratch_directory())), 0);
    let_it_log_again(program);
    expect_unharmed(program, complaint_about(log, "no such directory"));
}

/* The directory is one like /tmp, where anybody may put a link in the place of the file. */
Test(log_tampering, a_log_that_is_swapped_for_a_link_is_not_followed)
{
    struct server *redis = start_redis(NULL);
    char *victim = scratch_file("victim", "", 0600);
    char *directory = make_directory("public");
    char *log = text("%s/log", directory);
    cr_assert_eq(chmod(directory, 01777), 0);
    struct program *program = start_logging(redis, log);
    cr_assert_eq(unlink(log), 0);
    cr_assert_eq(symlink(victim, log), 0);
    let_it_log_again(program);
    expect_unharmed(program, complaint_about(log, "it is a link where others can put one"));
    cr_assert_str_empty(content_of(victim));
}

/* As a php-fpm master writes, as root, where its workers may: theirs to swap. */
static char *directory_of_workers(void)
{
    enum { NOBODY = 65534 };
    char *directory = make_directory("workers");
    if (geteuid() != 0 || chown(directory, NOBODY, (gid_t)-1) != 0)
        cr_skip_test("needs root, and a second user");
    return directory;
}

static void expect_victim_untouched(int (*swap)(const char *victim, const char *log),
                                    const char *complaint)
{
    struct server *redis = start_redis(NULL);
    char *victim = scratch_file("victim", "", 0600);
    char *log = text("%s/log", directory_of_workers());
    struct program *program = start_logging(redis, log);
    cr_assert_eq(unlink(log), 0);
    cr_assert_eq(swap(victim, log), 0, "%s", strerror(errno));
    let_it_log_again(program);
    expect_unharmed(program, complaint_about(log, complaint));
    cr_assert_str_empty(content_of(victim));
}

Test(log_tampering, a_log_that_the_owner_of_its_directory_swaps_for_a_link_is_not_followed)
{
    expect_victim_untouched(symlink, "it is a link where others can put one");
}

Test(log_tampering, a_log_that_the_owner_of_its_directory_swaps_for_a_hard_link_is_not_written_to)
{
    expect_victim_untouched(link, "it has more than one name where others can give it one");
}

Test(log_tampering, a_log_that_is_swapped_for_a_fifo_that_nobody_reads_stops_nothing)
{
    struct server *redis = start_redis(NULL);
    struct program *program = start_logging(redis, log_path());
    cr_assert_eq(unlink(log_path()), 0);
    cr_assert_eq(mkfifo(log_path(), 0600), 0);
    let_it_log_again(program);
    expect_unharmed(program, complaint_about(log_path(), "it is a FIFO that nobody reads"));
}

/* What reads it sees whole lines; when it goes, the program must not die of SIGPIPE. */
Test(log_tampering, a_fifo_has_lines_as_long_as_somebody_reads_it)
{
    struct server *redis = start_redis(NULL);
    cr_assert_eq(mkfifo(log_path(), 0600), 0);
    int reader = open(log_path(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct program *program = start_logging(redis, log_path());
    char lines[1024] = "";
    cr_assert(read(reader, lines, sizeof lines - 1) > 0);
    cr_assert_eq(lines_with(lines, "descriptor 3 guarded"), 1, "%s", lines);
    close(reader);
    let_it_log_again(program);
    expect_unharmed(program, complaint_about(log_path(), "it is a FIFO that nobody reads"));
}

Test(log_tampering, a_log_that_is_swapped_for_a_directory_stops_nothing)
{
    struct server *redis = start_redis(NULL);
    struct program *program = start_logging(redis, log_path());
    cr_assert_eq(unlink(log_path()), 0);
    cr_assert_eq(mkdir(log_path(), 0700), 0);
    let_it_log_again(program);
    expect_unharmed(program, complaint_about(log_path(), "EISDIR"));
}

static void fill_up(const char *file)
{
    static const char block[4096];
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0, "%s: %s", file, strerror(errno));
    while (write(fd, block, sizeof block) > 0)
        ;
    cr_assert_eq(errno, ENOSPC);
    close(fd);
}

/* In memory a file's page is full before the disk is: the log is one page long already. */
Test(log_tampering, a_disk_that_fills_up_stops_nothing_and_lines_return_when_there_is_room)
{
    enum { PAGE = 4096 };
    struct server *redis = start_redis(NULL);
    char *disk = mount_small_disk("disk");
    char *log = text("%s/log", disk);
    char *other = text("%s/other", disk);
    struct program *program = start_logging(redis, log);
    cr_assert_eq(truncate(log, PAGE), 0);
    fill_up(other);
    let_it_log_again(program);
    cr_assert_eq(unlink(other), 0);
    expect_unharmed(program, complaint_about(log, "ENOSPC"));
    struct stat status;
    cr_assert_eq(stat(log, &status), 0);
    cr_assert_gt(status.st_size, PAGE, "the child's lines came when there was room again");
}

Test(log_tampering, a_disk_that_turns_read_only_stops_nothing)
{
    struct server *redis = start_redis(NULL);
    char *disk = mount_small_disk("disk");
    char *log = text("%s/log", disk);
    struct program *program = start_logging(redis, log);
    cr_assert_eq(mount("none", disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0, "%s", strerror(errno));
    let_it_log_again(program);
    expect_unharmed(program, complaint_about(log, "EROFS"));
}

Test(log_tampering, a_device_that_is_always_full_stops_nothing)
{
    needs_directories_of_root();
    struct server *redis = start_redis(NULL);
    struct program *program = start_logging(redis, "/dev/full");
    let_it_log_again(program);
    expect_unharmed(program, complaint_about("/dev/full", "ENOSPC"));
}

/* ---- names that somebody else chose ---- */

static char *listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", scratch_directory(), name);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                  listen(listener, 1) == 0,
              "%s: %s", address.sun_path, strerror(errno));
    return text("%s", address.sun_path);
}

/* Whoever names a socket must not be able to write lines of the log. */
Test(log_tampering, a_line_break_in_the_path_of_a_socket_makes_no_second_line)
{
    char *connect = text("connect=%s", listen_at("redis\nred.sock"));
    printed_by(STEPS("socket=unix", connect, "fork", "wait"),
               WORDS("LD_PRELOAD=" LIBRARY, LOGGED(log_path())));
    char *log = content_of(log_path());
    cr_assert_eq(lines_with(log, ""), 3, "not three lines:\n%s", log);
    cr_assert_eq(lines_with(log, "redis\\x0ared.sock"), 3, "%s", log);
}

/* A line break, ESC, C1's CSI, a byte that is not UTF-8 and a line separator. */
#define FORGED  "x\nredisguard: ok\033[2J\xc2\x9b\xff\xe2\x80\xa8\\"
#define ESCAPED "x\\x0aredisguard: ok\\x1b[2J\\xc2\\x9b\\xff\\xe2\\x80\\xa8\\\\"

static char *module_in_forged_directory(void)
{
    char *directory = make_directory(FORGED);
    output_of(WORDS("cp", BUILD_DIR "/tests/system/modules/rebind_relro.so", directory));
    return text("%s/rebind_relro.so", directory);
}

static void expect_escaped(char *lines)
{
    cr_assert_eq(lines_with(lines, ESCAPED), lines_with(lines, ""), "%s", lines);
    cr_assert_gt(lines_with(lines, ""), 0);
    cr_assert_not(strpbrk(lines, "\033\x9b\xff\xe2"), "%s", lines);
}

Test(log_tampering, control_characters_and_what_is_no_utf8_in_the_path_of_a_module_are_escaped)
{
    printed_by(WORDS(PROGRAMS "rebind_open", "0",
                     text("program:deepbind:%s", module_in_forged_directory())),
               WORDS("LD_PRELOAD=" LIBRARY, LOGGED(log_path())));
    expect_escaped(content_of(log_path()));
}

Test(log_tampering, control_characters_and_what_is_no_utf8_in_the_path_of_the_log_are_escaped)
{
    struct server *redis = start_redis(NULL);
    const char *log = "/\xc2\x9b\xff\xe2\x80\xa8\\/log"; /* others are no path of a log */
    struct outcome outcome =
        run_program(STEPS("socket=tcp", connect_step(redis)), guarded(redis, WORDS(LOGGED(log))));
    EXPECT_LINES(outcome.err, "redisguard: cannot write to the log "
                              "\"/\\xc2\\x9b\\xff\\xe2\\x80\\xa8\\\\/log\": no such directory\n");
}

Test(log_tampering, control_characters_and_what_is_no_utf8_in_a_variable_are_escaped)
{
    expect_escaped(
        run_program(WORDS("true"), WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_KEEPCNT=" FORGED)).err);
    expect_escaped(
        run_program(WORDS("true"), WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_" FORGED "=1")).err);
}
