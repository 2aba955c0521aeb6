/*
 * launchers.c: the table of launchers.h.
 */
#include "launchers.h"

#include <stddef.h>
#include <string.h>

#define IN_THE_UNIT                                                                                \
    "put what redisguard --env=systemd prints into a file that the unit names with "               \
    "EnvironmentFile= (PassEnvironment= passes the manager's variables, not this shell's)"
#define IN_THE_IMAGE "put redisguard into the image, before the command"
#define IN_THE_TABLE "put redisguard before the command in the table"
#define LD_SO_OPTIONS                                                                              \
    "--library-path --inhibit-rpath --audit --preload --argv0 --glibc-hwcaps-prepend "             \
    "--glibc-hwcaps-mask"
#define SCRIPTS_OF "the scripts of "

static const struct launcher launchers[] = {
    {.name = "redisguard",
     .with_argument = "-p -d --ports --unix --detect --keepidle --keepintvl --keepcnt "
                      "--user-timeout --fork --log --log-level"},
    /* priority, limits, session, time */
    {.name = "nice", .with_argument = "-n --adjustment"},
    {.name = "ionice", .with_argument = "-c -n --class --classdata"},
    {.name = "nohup"},
    {.name = "setsid"},
    {.name = "timeout", .with_argument = "-k -s --kill-after --signal", .operands = 1},
    {.name = "timelimit", .with_argument = "-t -T -s -S"},
    {.name = "time", .with_argument = "-f -o --format --output"},
    {.name = "stdbuf", .with_argument = "-i -o -e --input --output --error"},
    {.name = "chrt", .with_argument = "-T -P -D", .operands = 1},
    {.name = "taskset", .operands = 1},
    {.name = "schedtool", .with_argument = "-p -a -n -M"},
    {.name = "numactl",
     .with_argument = "-m -N -C -p -w -i -P --membind --cpunodebind "
                      "--physcpubind --preferred --interleave"},
    {.name = "cpulimit", .with_argument = "-l -e -p -P --limit --exe --pid --path"},
    {.name = "prlimit"},
    {.name = "setarch", .with_argument = "-p", .operands = 1, .reads_on = true},
    {.name = "linux32"},
    {.name = "linux64"},
    {.name = "i386"},
    {.name = "x86_64"},
    {.name = "choom", .with_argument = "-n --adjust"},
    {.name = "catchsegv"},
    {.name = "faketime", .with_argument = "-p", .operands = 1},
    {.name = "fakeroot", .with_argument = "-l -s -i -b --lib --faked"},
    {.name = "eatmydata"},
    {.name = "nocache", .with_argument = "-n"},
    {.name = "torsocks"},
    {.name = "proxychains4", .with_argument = "-f"},
    {.name = "unbuffer"},
    {.name = "chronic"},
    {.name = "run-one"},
    {.name = "keep-one-running"},
    {.name = "systemd-cat", .with_argument = "-t -p --identifier --priority --stderr-priority"},
    {.name = "systemd-inhibit"},
    {.name = "dbus-run-session"},
    {.name = "xvfb-run", .with_argument = "-e -f -n -p -s -w"},
    /* tracers and the loader */
    {.name = "strace",
     .with_argument = "-a -b -e -E -I -o -O -p -P -s -S -u -U -X --output --trace "
                      "--user --env --string-limit"},
    {.name = "ltrace", .with_argument = "-a -A -D -e -l -n -o -p -s -u -w -x -F"},
    {.name = "ld.so", .with_argument = LD_SO_OPTIONS},
    {.name = "ld-linux-x86-64.so.2", .with_argument = LD_SO_OPTIONS},
    {.name = "ld-linux-aarch64.so.1", .with_argument = LD_SO_OPTIONS},
    {.name = "ld-musl-x86_64.so.1", .with_argument = LD_SO_OPTIONS},
    {.name = "ld-musl-aarch64.so.1", .with_argument = LD_SO_OPTIONS},
    /* locks and lists */
    {.name = "flock",
     .with_argument = "-w -E --timeout --wait --conflict-exit-code",
     .operands = 1},
    {.name = "setlock", .operands = 1},
    {.name = "lckdo", .with_argument = "-W", .operands = 1},
    {.name = "xargs",
     .with_argument = "-a -d -E -I -L -n -P -s --arg-file --delimiter "
                      "--max-args --max-procs --max-chars --max-lines"},
    {.name = "watch", .starts = "its words, through a shell"},
    {.name = "parallel", .starts = "its words, through a shell"},
    /* daemontools, runit, s6 */
    {.name = "chpst",
     .with_argument = "-u -U -b -e -/ -n -l -L -m -d -o -p -f -c -r -t -C",
     .new_root = "-/"},
    {.name = "softlimit", .with_argument = "-a -c -d -f -l -m -o -p -r -s -t"},
    {.name = "envdir", .operands = 1},
    {.name = "s6-envdir", .operands = 1},
    {.name = "setuidgid", .operands = 1},
    {.name = "envuidgid", .operands = 1},
    {.name = "pgrphack"},
    {.name = "fghack"},
    {.name = "s6-setuidgid", .operands = 1},
    {.name = "s6-softlimit", .with_argument = "-a -c -d -f -l -m -o -p -r -s -t"},
    {.name = "s6-setlock", .with_argument = "-t", .operands = 1},
    /* init in a container */
    {.name = "tini", .with_argument = "-p -e"},
    {.name = "tini-static", .with_argument = "-p -e"},
    {.name = "docker-init", .with_argument = "-p -e"},
    {.name = "catatonit"},
    {.name = "dumb-init", .with_argument = "-r --rewrite"},
    /* users and rights */
    {.name = "gosu", .operands = 1},
    {.name = "su-exec", .operands = 1},
    {.name = "setpriv",
     .with_argument = "--reuid --regid --ruid --rgid --euid --egid --groups --inh-caps "
                      "--ambient-caps --bounding-set --securebits --pdeathsig --selinux-label "
                      "--apparmor-profile",
     .clears = "--reset-env"},
    {.name = "aa-exec", .with_argument = "-p -n --profile --namespace"},
    {.name = "runcon", .with_argument = "-r -t -u -l --role --type --user --range", .operands = 1},
    {.name = "capsh", .starts = "its words, through a shell"},
    {.name = "sg", .starts = "its words, through a shell"},
    {.name = "runuser", .with_argument = "-u -g -G -w", .clears = "- -l --login"},
    {.name = "su", .with_argument = "-g -G -w", .clears = "- -l --login"},
    {.name = "sudo", .clears = ""},
    {.name = "doas", .clears = ""},
    {.name = "pkexec", .clears = ""},
    /* namespaces and other roots */
    {.name = "ip",
     .words = "netns exec",
     .with_argument = "-n -netns -f -family -b -batch",
     .operands = 1},
    {.name = "ip", .words = "vrf exec", .with_argument = "-n -netns -f -family", .operands = 1},
    {.name = "unshare",
     .with_argument = "-R -w -S -G --root --wd --setuid --setgid --map-user --map-group "
                      "--map-users --map-groups --propagation --setgroups --monotonic --boottime",
     .new_root = "-R --root"},
    {.name = "nsenter",
     .with_argument = "-t -S -G --target --setuid --setgid",
     .new_root = "-a -m -r --all --mount --root"},
    {.name = "chroot", .operands = 1, .new_root = ""},
    {.name = "schroot", .starts = "what runs in another root"},
    {.name = "bwrap", .starts = "what runs in another root"},
    {.name = "firejail", .starts = "what runs in a sandbox"},
    {.name = "cgexec", .with_argument = "-g"},
    /* languages: what is named in a file of the project */
    {.name = "npm", .starts = SCRIPTS_OF "package.json"},
    {.name = "npx", .starts = "a program of node_modules"},
    {.name = "yarn", .starts = SCRIPTS_OF "package.json"},
    {.name = "pnpm", .starts = SCRIPTS_OF "package.json"},
    {.name = "composer", .starts = SCRIPTS_OF "composer.json"},
    {.name = "make", .starts = "the recipes of a Makefile"},
    {.name = "foreman", .starts = "what the Procfile names"},
    {.name = "honcho", .starts = "what the Procfile names"},
    {.name = "supervisord", .starts = "what its configuration names"},
    {.name = "runsvdir", .starts = "the run files of its directory"},
    {.name = "s6-svscan", .starts = "the run files of its directory"},
    {.name = "svscan", .starts = "the run files of its directory"},
    {.name = "bundle", .words = "exec"},
    {.name = "poetry", .words = "run"},
    {.name = "pipenv", .words = "run"},
    {.name = "uv", .words = "run"},
    /* what another process starts */
    {.name = "systemd-run",
     .with_argument = "-p -u --unit --property",
     .clears = "",
     .keeps = "--scope"},
    {.name = "systemctl", .instead = IN_THE_UNIT},
    {.name = "service", .instead = IN_THE_UNIT},
    {.name = "docker", .instead = IN_THE_IMAGE},
    {.name = "podman", .instead = IN_THE_IMAGE},
    {.name = "kubectl", .instead = IN_THE_IMAGE},
    {.name = "ssh", .instead = "put redisguard before the command on that machine"},
    {.name = "cron", .instead = IN_THE_TABLE},
    {.name = "crond", .instead = IN_THE_TABLE},
    {.name = "at", .instead = "put redisguard before the command that it reads"},
    {.name = "batch", .instead = "put redisguard before the command that it reads"},
};

const struct launcher *launchers_find(const char *name, const struct launcher *after)
{
    const struct launcher *end = launchers + sizeof launchers / sizeof launchers[0];
    for (const struct launcher *at = after != NULL ? after + 1 : launchers; at < end; at++)
        if (strcmp(at->name, name) == 0)
            return at;
    return NULL;
}
