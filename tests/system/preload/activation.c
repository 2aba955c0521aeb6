/*
 * The guard for a whole machine: systemd's DefaultEnvironment=, /etc/environment through PAM, and
 * /etc/ld.so.preload. The programs are real ones in a mount namespace with a copy of /etc; it
 * disappears with its last process.
 */
#include "support.h"
#include "systemd.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define CHECK_MAIN BUILD_DIR "/tests/system/programs/check_main"

/* The output of a script on a machine whose /etc it may change; each command must succeed. */
static char *on_a_machine(const char *script)
{
    needs_mounts();
    static const char run[] = "cp -a /etc \"$1\" && mount --bind \"$1/etc\" /etc && "
                              "exec bash -euc \"$2\" \"$1\"";
    return output_of(WORDS("unshare", "-m", "sh", "-c", run, "sh", scratch_directory(), script));
}

#define EVERYWHERE "echo " LIBRARY " >/etc/ld.so.preload\n"

Test(activation, ld_so_preload_guards_program_with_cleared_environment)
{
    cr_assert_str_eq(on_a_machine(EVERYWHERE "env -i " CHECK_MAIN "\nsudo " CHECK_MAIN
                                             "\nsu - root -c " CHECK_MAIN "\n"),
                     "guarded\nguarded\nguarded\n");
}

/* Which LD_PRELOAD never reaches; but it reads no variable there. */
Test(activation, ld_so_preload_guards_set_user_id_programs_with_defaults)
{
    cr_assert_str_eq(on_a_machine(EVERYWHERE
                                  "chmod 755 $0; cp " CHECK_MAIN
                                  " $0/program; chmod 4755 $0/program\n"
                                  "cp " LIBRARY " $0/guard.so; chmod 644 $0/guard.so\n"
                                  "echo $0/guard.so >/etc/ld.so.preload\n"
                                  "export REDISGUARD_LOG=$0/log REDISGUARD_LOG_LEVEL=debug\n"
                                  "setpriv --reuid=65534 --regid=65534 --clear-groups $0/program\n"
                                  "[ ! -e $0/log ] && echo no log\n"),
                     "guarded\nno log\n");
}

Test(activation, redis_server_and_its_clients_work_under_ld_so_preload)
{
    cr_assert_str_eq(
        on_a_machine(EVERYWHERE
                     "redis-server --port 0 --unixsocket $0/redis.sock --save '' "
                     "--dir $0 --daemonize yes --pidfile $0/pid >/dev/null\n"
                     "until redis-cli -s $0/redis.sock ping 2>/dev/null; do sleep 0.05; done\n"
                     "redis-cli -s $0/redis.sock set key value\n"
                     "redis-cli -s $0/redis.sock bgsave >/dev/null\n"
                     "redis-cli -s $0/redis.sock shutdown nosave || :\n"),
        "PONG\nOK\n");
}

Test(activation, removing_line_from_ld_so_preload_ends_guarding)
{
    cr_assert_str_eq(on_a_machine(EVERYWHERE CHECK_MAIN "\nsed -i '\\|/libredisguard[.]so|d' "
                                                        "/etc/ld.so.preload\n" CHECK_MAIN "\n"),
                     "guarded\nunguarded\n");
}

/* The other order: every start of a program complains, and yet none fails. */
Test(activation, loader_warns_of_missing_library_and_programs_run)
{
    cr_assert_str_eq(on_a_machine("echo $0/gone.so >/etc/ld.so.preload\n" CHECK_MAIN
                                  " 2>$0/errors\n"
                                  "grep -o 'cannot be preloaded' $0/errors | head -n 1\n"),
                     "unguarded\ncannot be preloaded\n");
}

#define PRINTS                                                                                     \
    "printf 'ExecStart=%%s\\n' " CHECK_MAIN                                                        \
    " 'printenv REDISGUARD_DETECT' 'printenv REDISGUARD_UNIX' >>service.conf\n"
#define DEFAULT_ENVIRONMENT                                                                        \
    "mkdir -p etc/systemd/system.conf.d\n"                                                         \
    "printf '[Manager]\\nDefaultEnvironment=%%s\\n' 'LD_PRELOAD=" LIBRARY                          \
    " REDISGUARD_DETECT=15 REDISGUARD_UNIX=/r' >etc/systemd/system.conf.d/redisguard.conf\n"

Test(activation, default_environment_of_systemd_guards_service)
{
    cr_assert_str_eq(in_systemd(text(DEFAULT_ENVIRONMENT PRINTS)), "guarded\n15\n/r\n");
}

Test(activation, environment_of_unit_replaces_default_of_systemd)
{
    cr_assert_str_eq(
        in_systemd(text(DEFAULT_ENVIRONMENT "echo Environment=LD_PRELOAD= >service.conf\n" PRINTS)),
        "unguarded\n15\n/r\n");
}

/* A dollar in the value too, which environment.d(5) expands and EnvironmentFile= does not. */
Test(activation, environment_file_of_systemd_takes_what_env_prints_for_it)
{
    cr_assert_str_eq(
        in_systemd(text(WRAPPER " --env=systemd -d15 --unix \"$(printf "
                                "'/a b/*:/c$HOME:/it\\047s:/\"q\":/back\\134slash:/#x:/;y:/`z`')\" "
                                ">variables\n"
                                "echo EnvironmentFile=$PWD/variables >service.conf\n" PRINTS)),
        "guarded\n15\n/a b/*:/c$HOME:/it's:/\"q\":/back\\slash:/#x:/;y:/`z`\n");
}

#define ETC_ENVIRONMENT                                                                            \
    "echo LD_PRELOAD=" LIBRARY " >>/etc/environment\necho REDISGUARD_DETECT=15 "                   \
    ">>/etc/environment\n"

Test(activation, etc_environment_reaches_pam_env_sessions)
{
    cr_assert_str_eq(
        on_a_machine(ETC_ENVIRONMENT
                     "su - root -c '" CHECK_MAIN "; printenv REDISGUARD_DETECT'\n"
                     "grep -c '^session.*pam_env' /etc/pam.d/cron | sed 's/[1-9].*/yes/'\n"),
        "guarded\n15\nyes\n");
}

Test(activation, etc_environment_does_not_reach_sudo_and_runuser)
{
    cr_assert_str_eq(
        on_a_machine(ETC_ENVIRONMENT "sudo " CHECK_MAIN "\nrunuser -l root -c " CHECK_MAIN "\n"),
        "unguarded\nunguarded\n");
}

/* The real cron, with this table alone: it starts a job at the next full minute. */
#define BY_CRON                                                                                    \
    "mount -t tmpfs none /run; mount -t tmpfs none /var/spool/cron; mkdir "                        \
    "/var/spool/cron/crontabs\n"                                                                   \
    "rm -rf /etc/cron.d/*\n"                                                                       \
    "echo \"* * * * * root (" CHECK_MAIN "; printenv REDISGUARD_DETECT; echo done) >>$0/job\" "    \
    ">/etc/crontab\n"                                                                              \
    "cron -f &\nuntil grep -q done $0/job 2>/dev/null; do sleep 0.1; done\nkill $!\ncat $0/job\n"

Test(activation, ld_so_preload_guards_what_cron_starts)
{
    cr_assert_str_eq(on_a_machine(EVERYWHERE BY_CRON), "guarded\ndone\n");
}

Test(activation, etc_environment_reaches_what_cron_starts)
{
    cr_assert_str_eq(on_a_machine(ETC_ENVIRONMENT BY_CRON), "guarded\n15\ndone\n");
}
