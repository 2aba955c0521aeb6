/*
 * make install, make uninstall and make deb: which files appear where, whether what is installed
 * works from there, and that nothing else is touched. All of it below the test's own directory.
 */
#include "install.h"
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_succeeds(const char *goal, const char *settings)
{
    struct outcome outcome = make_in(SOURCE_DIR, goal, text("BUILD=%s %s", BUILD_DIR, settings));
    cr_assert_eq(outcome.status, 0, "make %s %s:\n%s%s", goal, settings, outcome.out, outcome.err);
}

static char *shell(const char *script)
{
    return output_of(WORDS("bash", "-c", script));
}

/* Installed below a PREFIX of the test's own, which it returns. */
static char *installed(void)
{
    char *prefix = text("%s/usr", scratch_directory());
    make_succeeds("install", text("PREFIX=%s", prefix));
    return prefix;
}

/* Everything below a directory: path, kind, mode, content. */
static char *everything_in(const char *directory)
{
    return shell(text("cd %s && find . -printf '%%p %%y %%m ' -a \\( -type f -exec sha256sum {} + "
                      "-o -printf '\\n' \\) | sort",
                      directory));
}

/* ---- what is put where ---- */

Test(install, puts_these_files_below_the_prefix_and_no_others)
{
    char *to = text("%s/image", scratch_directory());
    make_succeeds("install", text("DESTDIR=%s PREFIX=/usr", to));
    char *examples = shell("cd " SOURCE_DIR "/examples && find . -type f | sed 's/^..//' | sort");
    EXPECT_LINES(shell(text("cd %s/usr/share/doc/redisguard/examples && find . -type f |"
                            " sed 's/^..//' | sort; rm -r %s/usr/share/doc/redisguard/examples",
                            to, to)),
                 examples);
    EXPECT_LINES(
        shell(text("cd %s && find . -type f -printf '%%m %%P\\n' | LC_ALL=C sort -k 2", to)),
        "755 usr/bin/redisguard\n"
        "644 usr/include/redisguard.h\n"
        "755 usr/lib/redisguard/libredisguard.so\n"
        "644 usr/share/bash-completion/completions/redisguard\n"
        "644 usr/share/man/man1/redisguard.1\n"
        "644 usr/share/man/man7/redisguard.7\n"
        "644 usr/share/pkgconfig/redisguard.pc\n");
}

Test(install, each_directory_can_be_chosen)
{
    char *to = text("%s/image", scratch_directory());
    make_succeeds(
        "install",
        text("DESTDIR=%s LIBDIR=/library BINDIR=/b MANDIR=/c INCLUDEDIR=/d PKGCONFIGDIR=/e "
             "COMPLETIONDIR=/f DOCDIR=/g",
             to));
    EXPECT_LINES(shell(text("cd %s && ls -d */libredisguard.so */redisguard */man? */*.h */*.pc "
                            "*/examples && strings -n 2 b/redisguard | grep -cx /library",
                            to)),
                 "b/redisguard\nc/man1\nc/man7\nd/redisguard.h\n"
                 "e/redisguard.pc\nf/redisguard\ng/examples\nlibrary/libredisguard.so\n1\n");
}

/* For the dynamic linker the path would end at the space. */
Test(install, a_library_directory_that_ld_preload_cannot_hold_is_refused)
{
    char *to = text("%s/image", scratch_directory());
    struct outcome outcome =
        make_in(SOURCE_DIR, "install",
                text("BUILD=%s DESTDIR=%s 'PREFIX=/opt/my programs'", BUILD_DIR, to));
    cr_assert_neq(outcome.status, 0);
    cr_assert(strstr(outcome.err, "/opt/my programs"), "%s", outcome.err);
    cr_assert_eq(access(to, F_OK), -1);
}

Test(install, what_others_may_read_does_not_depend_on_the_umask)
{
    mode_t before = umask(077);
    char *prefix = installed();
    umask(before);
    EXPECT_LINES(
        shell(text("find %s/lib %s/bin ! -perm -055 -o -type f ! -perm -044", prefix, prefix)), "");
}

/* ---- and taken away ---- */

Test(install, uninstall_leaves_no_file_of_ours_and_none_of_our_directories)
{
    char *to = text("%s/image", scratch_directory());
    make_succeeds("install", text("DESTDIR=%s", to));
    make_succeeds("uninstall", text("DESTDIR=%s", to));
    EXPECT_LINES(shell(text("find %s ! -type d -o -name '*redisguard*'", to)), "");
}

Test(install, uninstall_touches_nothing_that_somebody_else_put_there)
{
    char *to = text("%s/image", scratch_directory());
    shell(text("cd %s && mkdir -p image/usr/local/bin image/usr/local/lib/redisguard"
               " image/usr/local/share/doc/redisguard/examples image/usr/local/share/man/man1 &&"
               " for place in bin/redisguard2 lib/redisguard/worker.php"
               " share/doc/redisguard/examples/mine; do"
               " echo mine >image/usr/local/$place; done",
               scratch_directory()));
    char *before = everything_in(to);
    make_succeeds("install", text("DESTDIR=%s", to));
    make_succeeds("uninstall", text("DESTDIR=%s", to));
    make_succeeds("uninstall", text("DESTDIR=%s", to));
    shell(text("find %s -type d -empty ! -name man1 -delete", to)); /* bin/ and its like stay */
    EXPECT_LINES(everything_in(to), before);
}

/* ---- what is installed works ---- */

#define WORKER                                                                                     \
    "version", "socket=tcp", connect_step(redis), "guards", "fork", "ping", "wait", "ping"

static void expect_guarded_by(const char *wrapper)
{
    struct server *redis = start_redis(NULL);
    const char *const argv[] = {wrapper, "-p", text("%d", redis->port), "--", PROGRAMS "sockets",
                                WORKER,  NULL};
    EXPECT_LINES(printed_by(argv, NULL),
                 "version " REDISGUARD_VERSION "\nsocket 3\nconnect 0\nguards 1\nchild\n"
                 "ping -1 Broken pipe\nparent\nping +PONG\n");
}

Test(install, the_wrapper_finds_its_library_wherever_the_prefix_is)
{
    expect_guarded_by(text("%s/bin/redisguard", installed()));
}

Test(install, the_wrapper_finds_its_library_through_a_link)
{
    char *link = text("%s/guard", scratch_directory());
    cr_assert_eq(symlink(text("%s/bin/redisguard", installed()), link), 0);
    expect_guarded_by(link);
}

Test(install, the_installed_program_checks_and_audits)
{
    char *wrapper = text("%s/bin/redisguard", installed());
    cr_assert(strstr(output_of(WORDS(wrapper, "--check", "--", "/bin/true")),
                     "guard: " REDISGUARD_VERSION));
    cr_assert(strstr(output_of(WORDS(wrapper, "-p1", "--unix", "/-", "--audit")),
                     "0 connections to Redis"));
}

Test(install, a_weak_declaration_compiles_with_pkg_config_and_runs_with_and_without_the_library)
{
    struct server *redis = start_redis(NULL);
    char *prefix = installed();
    char *program = text("%s/weak-api", scratch_directory());
    shell(text("export PKG_CONFIG_PATH=%s/share/pkgconfig; cc -Wall -Wextra -Werror"
               " $(pkg-config --cflags --libs redisguard) -o %s"
               " %s/share/doc/redisguard/examples/weak-api.c &&"
               " [ $(pkg-config --variable=library redisguard) = %s/lib/redisguard/"
               "libredisguard.so ]",
               prefix, program, prefix, prefix));
    const char *const argv[] = {program, "127.0.0.1", text("%d", redis->port), NULL};
    EXPECT_LINES(printed_by(argv, NULL),
                 "library=absent\nguarded=unknown\nreleased=unneeded\nguarded=unknown\n");
    char *library = text("LD_PRELOAD=%s/lib/redisguard/libredisguard.so", prefix);
    EXPECT_LINES(printed_by(argv, WORDS(library, text("REDISGUARD_PORTS=%d", redis->port))),
                 "library=" REDISGUARD_VERSION "\nguarded=1\nreleased=1\nguarded=0\n");
}

/* ---- the manual ---- */

Test(install, the_installed_texts_name_the_directories_of_this_installation)
{
    char *prefix = installed();
    EXPECT_LINES(shell(text("cd %s/share && grep -rl /usr/local/ . | grep -v -e Dockerfile -e "
                            "'[.]yaml$' || :; grep -rho '/[^ =]*/libredisguard.so' man | sort -u",
                            prefix)),
                 text("%s/lib/redisguard/libredisguard.so\n", prefix));
}

/* All that there are stand in the complaint about one that there is not. */
Test(install, the_manual_of_the_library_explains_every_variable)
{
    EXPECT_LINES(shell("known=$(REDISGUARD_NONE= LD_PRELOAD=" LIBRARY " /bin/true 2>&1)\n"
                       "case $known in *PORTS,*DISABLE*) ;; *) echo \"$known\" ;; esac\n"
                       "for name in $(echo \"${known#*are }\" | tr -d ,); do"
                       " grep -q \"^[.]B REDISGUARD_$name\\$\" " SOURCE_DIR
                       "/shim/man/redisguard.7 ||"
                       " echo $name is missing; done"),
                 "");
}

/* ---- completion ---- */

/* What bash offers for the last of these words, one a line. */
static char *offered(const char *words)
{
    return shell(text("source " SOURCE_DIR "/shim/package/completion.bash\n"
                      "COMP_WORDS=(redisguard %s) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                      "$(complete -p redisguard | sed 's/.*-F \\([^ ]*\\).*/\\1/') redisguard\n"
                      "printf '%%s\\n' \"${COMPREPLY[@]}\" | sort -u",
                      words));
}

Test(install, bash_completes_every_option_that_the_help_names)
{
    EXPECT_LINES(offered("--"), shell(WRAPPER " --help | grep -o '^ .\\{5\\}--[a-z-]*' |"
                                              " sed 's/.* //' | sort -u"));
    EXPECT_LINES(offered("--fork sever --log"), "--log\n--log-level\n");
    EXPECT_LINES(offered("--audit --fo"), "--fork\n--format\n");
}

Test(install, bash_completes_the_values_of_an_option)
{
    EXPECT_LINES(offered("--fork ''"), "close\noff\nsever\n");
    EXPECT_LINES(offered("--fork = s"), "sever\n"); /* readline's three words for --fork=s */
    EXPECT_LINES(offered("--log-level ="), "debug\nerror\ninfo\nwarn\n");
    EXPECT_LINES(offered("--check --format ''"), "json\nprometheus\ntable\n");
    EXPECT_LINES(offered("--env ="), "docker\nplain\nsh\nsystemd\n");
    EXPECT_LINES(offered("--env --por"), "--ports\n");
    EXPECT_LINES(offered("--log /etc/os-rel"), "/etc/os-release\n");
    EXPECT_LINES(offered("-p ''"), "\n");
}

Test(install, bash_completes_the_command_and_then_files)
{
    EXPECT_LINES(offered("-d 5 -- redis-serve"), "redis-server\n");
    EXPECT_LINES(offered("--ports = 7000 -d5 redis-serve"), "redis-server\n");
    EXPECT_LINES(offered("--check --json redis-serve"), "redis-server\n");
    EXPECT_LINES(offered("-- cat /etc/os-rel"), "/etc/os-release\n");
}

Test(install, bash_completes_what_an_audit_takes)
{
    EXPECT_LINES(offered("--audit --js"), "--json\n");
    EXPECT_LINES(offered("--audit --watch ''"), "\n");
    EXPECT_LINES(offered(text("--audit --watch 5 %d", getpid())), text("%d\n", getpid()));
}

/* The command's own completion, here that of make, answers for its arguments. */
Test(install, bash_completion_finds_it_and_hands_over_to_that_of_the_command)
{
    char *prefix = installed();
    scratch_file("Makefile", "a-goal-of-ours:\n", 0600);
    EXPECT_LINES(shell(text("source /usr/share/bash-completion/bash_completion\n"
                            "cd %s; XDG_DATA_DIRS=%s/share\n"
                            "_completion_loader redisguard\n"
                            "COMP_WORDS=(redisguard -d 5 -- make a-g) COMP_CWORD=5\n"
                            "COMP_LINE=\"${COMP_WORDS[*]}\" COMP_POINT=${#COMP_LINE} COMP_TYPE=9\n"
                            "_redisguard redisguard 2>/dev/null\n"
                            "echo \"$(complete -p redisguard): ${COMPREPLY[*]}\"",
                            scratch_directory(), prefix)),
                 "complete -F _redisguard redisguard: a-goal-of-ours\n");
}

/* ---- the Debian package ---- */

/* It is tried in a system of its own by `make deb-test`. */
Test(install, the_debian_package_holds_the_installation_below_usr)
{
    const char *here = scratch_directory();
    struct outcome outcome = make_in(SOURCE_DIR, "deb", text("BUILD=%s/build", here));
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    make_succeeds("install", text("DESTDIR=%s/image PREFIX=/usr", here));
    shell(text("cd %s && dpkg-deb -x build/redisguard_" REDISGUARD_VERSION "_*.deb unpacked &&"
               " gunzip unpacked/usr/share/man/man?/*.gz",
               here));
    EXPECT_LINES(shell(text("cd %s && diff -r --brief image unpacked |"
                            " grep -v -e '^Files image/usr/lib/redisguard/.* differ$'"
                            " -e '^Files image/usr/bin/redisguard .* differ$'", /* stripped */
                            here)),
                 "Only in unpacked/usr/share/doc/redisguard: changelog.gz\n"
                 "Only in unpacked/usr/share/doc/redisguard: copyright\n"
                 "Only in unpacked/usr/share: lintian\n");
    EXPECT_LINES(shell(text("dpkg-deb -f %s/build/redisguard_*.deb Package Version", here)),
                 "Package: redisguard\nVersion: " REDISGUARD_VERSION "\n");
}
