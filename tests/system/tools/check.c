/*
 * `redisguard --check`: which programs the guard works in. The programs are real ones, built for
 * the purpose: the verdict is held against what happens when they run. Whatever they are, their
 * main never runs under the check.
 */
#include "check.h"

#include "redisguard.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- shared ---- */

const char *const *joined_words(const char *const words[], const char *const more[])
{
    size_t count = 0;
    const char **all = calloc(64, sizeof *all);
    cr_assert(all, "out of memory");
    for (size_t i = 0; words[i] && count < 63; i++)
        all[count++] = words[i];
    for (size_t i = 0; more[i] && count < 63; i++)
        all[count++] = more[i];
    return all;
}

char *check_main_built(const char *compiler, const char *const options[])
{
    static int built;
    char *program = text("%s/program%d", scratch_directory(), built++);
    const char *const *command =
        joined_words(WORDS(compiler, "-I" SOURCE_DIR "/include", "-o", program,
                           SOURCE_DIR "/tests/system/tools/programs/check_main.c"),
                     options);
    output_of(command);
    output_of(WORDS("chmod", "755", scratch_directory()));
    return program;
}

char *installed(const char *directory, const char *library)
{
    static const char install[] =
        "mkdir -p \"$1\" && cp " WRAPPER " \"$1\" && chmod 755 \"$1/..\" \"$1/redisguard\" && "
        "if [ \"$2\" ]; then cp \"$2\" \"$1/libredisguard.so\"; fi";
    char *path = text("%s/%s", scratch_directory(), directory);
    output_of(WORDS("sh", "-c", install, "sh", path, library ? library : ""));
    return text("%s/redisguard", path);
}

struct outcome checked_by(const char *wrapper, const char *const argv[], const char *const env[])
{
    struct outcome outcome = run_program(joined_words(WORDS(wrapper, "--check", "--"), argv), env);
    bool has_failed = strncmp(outcome.out, "fail  ", 6) == 0 || strstr(outcome.out, "\nfail  ");
    cr_assert_eq(outcome.status, has_failed, "status %d, signal %d:\n%s%s", outcome.status,
                 outcome.signal, outcome.out, outcome.err);
    cr_assert_str_empty(outcome.err);
    return outcome;
}

static bool has_finding(const char *out, const char *level, const char *words)
{
    for (const char *line = out; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');
        char *copy = text("%.*s", (int)(end - line), line);
        if (strncmp(copy, text("%-4s  ", level), 6) == 0 && strstr(copy, words))
            return true;
    }
    return false;
}

void expect_finding(struct outcome outcome, int status, const char *level, const char *words)
{
    cr_assert(has_finding(outcome.out, level, words), "no %s with \"%s\" in:\n%s", level, words,
              outcome.out);
    cr_assert_eq(outcome.status, status, "status %d:\n%s", outcome.status, outcome.out);
}

void expect_check(const char *const argv[], int status, const char *level, const char *words)
{
    expect_finding(checked_by(WRAPPER, argv, NULL), status, level, words);
}

void expect_true_check(const char *const argv[], int status, const char *level, const char *words)
{
    const char *trace = text("%s/main-ran", scratch_directory());
    const char *const *command = joined_words(argv, WORDS(trace));
    expect_check(command, status, level, words);
    cr_assert(access(trace, F_OK) != 0, "the check ran the program");

    struct outcome real = run_program(joined_words(WORDS(WRAPPER, "--"), command), NULL);
    const char *printed = status == 0 ? "guarded\n" : "unguarded\n";
    cr_assert_str_eq(real.out, printed, "really it printed: %s%s", real.out, real.err);
    cr_assert(access(trace, F_OK) == 0, "it really ran, and left no trace");
    unlink(trace);
}

const char *const *as_nobody(const char *const argv[])
{
    needs_root("to be another user");
    return joined_words(WORDS("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"), argv);
}

/* ---- programs ---- */

Test(check, the_guard_works_in_a_dynamic_program_and_answers_from_it)
{
    expect_true_check(WORDS(CHECK_MAIN), 0, "ok", "linked dynamically with glibc");
    expect_check(WORDS(CHECK_MAIN), 0, "ok",
                 "guard: " REDISGUARD_VERSION ", loaded and asked before main");
}

Test(check, the_guard_works_in_a_program_built_for_musl)
{
    expect_true_check(WORDS(check_main_built("musl-gcc", WORDS("-Os"))), 0, "ok",
                      "linked dynamically with musl");
}

Test(check, a_static_program_has_no_loader)
{
    const char *why = "linked statically";
    expect_true_check(WORDS(check_main_built("gcc", WORDS("-static"))), 1, "fail", why);
    expect_true_check(WORDS(check_main_built("gcc", WORDS("-static-pie"))), 1, "fail",
                      "linked statically (static-pie)");
    expect_true_check(WORDS(check_main_built("musl-gcc", WORDS("-static"))), 1, "fail", why);
}

Test(check, a_go_program_makes_its_own_system_calls)
{
    char *real = text("%s/worker", scratch_directory());
    output_of(WORDS("cp", "/usr/sbin/gosu", real)); /* under that name it is a launcher */
    expect_check(WORDS(real), 1, "fail", "is a Go program");
    /* Dynamic, as with cgo's resolver: the guard is loaded, and yet of no use. */
    expect_check(WORDS(check_main_built("gcc", WORDS("-DGO"))), 1, "fail", "is a Go program");
}

/* As cgo links it; whether the client is a library or part of the program. */
Test(check, a_go_program_with_a_c_client_is_guarded)
{
    const char *found = "is a Go program with C libraries";
    char *library = check_main_built("gcc", WORDS("-DGO", "-Wl,--no-as-needed", "-lhiredis"));
    expect_true_check(WORDS(library), 0, "warn", found);
    char *part = check_main_built("gcc", WORDS("-DGO", "-Wl,--undefined=connect"));
    expect_true_check(WORDS(part), 0, "warn", found);
}

/* What the library is built for; another machine, and its number in an ELF header. */
#if defined __aarch64__
#define OURS           "the library 64-bit arm64"
#define ANOTHER        "64-bit x86-64"
#define ANOTHER_NUMBER "\\076"
#else
#define OURS           "the library 64-bit x86-64"
#define ANOTHER        "64-bit arm64"
#define ANOTHER_NUMBER "\\267"
#endif

Test(check, a_program_for_another_machine_does_not_fit)
{
    char *foreign = text("%s/foreign", scratch_directory());
    output_of(WORDS("sh", "-c",
                    "cp \"$1\" \"$2\" && printf '" ANOTHER_NUMBER "' |"
                    " dd of=\"$2\" bs=1 seek=18 conv=notrunc status=none",
                    "sh", CHECK_MAIN, foreign));
    expect_check(WORDS(foreign), 1, "fail", "is " ANOTHER ", " OURS);
}

#if defined __x86_64__
Test(check, a_program_of_another_word_size_does_not_fit)
{
    char *source = scratch_file("nothing.c", "int main(void) { return 0; }\n", 0644);
    char *narrow = text("%s/narrow", scratch_directory());
    output_of(WORDS("gcc", "-m32", "-nostdlib", "-Wl,-e,main", "-o", narrow, source));
    expect_check(WORDS(narrow), 1, "fail", "is 32-bit x86, " OURS);
}
#endif

Test(check, a_loader_that_is_missing_or_is_none_is_not_run)
{
    expect_check(WORDS(check_main_built("gcc", WORDS("-Wl,--dynamic-linker=/no/ld-musl-x.so.1"))),
                 1, "fail", "its loader /no/ld-musl-x.so.1 is missing");
    expect_check(WORDS(check_main_built("gcc", WORDS("-Wl,--dynamic-linker=/bin/true"))), 1, "fail",
                 "neither glibc's nor musl's");
}

Test(check, a_damaged_program_is_named_so)
{
    char *damaged = text("%s/damaged", scratch_directory());
    output_of(WORDS("sh", "-c", "head -c 100 \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh", CHECK_MAIN,
                    damaged));
    expect_check(WORDS(damaged), 1, "fail", "is a damaged ELF file");
}

Test(check, a_program_that_may_not_be_read_is_not_judged)
{
    char *program = check_main_built("gcc", WORDS("-O1"));
    output_of(WORDS("chmod", "711", program));
    const char *const *argv =
        joined_words(as_nobody(WORDS(installed("here", LIBRARY))), WORDS("--check", program));
    expect_finding(run_program(argv, NULL), 1, "fail", "may be executed but not read");
}

/* ---- privileges ---- */

static void expect_privileged(const char *program, const char *words)
{
    const char *wrapper = installed("here", LIBRARY);
    const char *const *check = joined_words(as_nobody(WORDS(wrapper)), WORDS("--check", program));
    expect_finding(run_program(check, NULL), 1, "fail", words);
    struct outcome real = run_program(as_nobody(WORDS(wrapper, program)), NULL);
    cr_assert_str_eq(real.out, "unguarded\n");

    expect_true_check(WORDS(program), 0, "warn", words); /* root gains nothing by it */
}

/* Where no privilege can be gained the kernel ignores the bits. */
static void expect_harmless_without_new_privileges(const char *program)
{
    const char *const *words = as_nobody(WORDS("--no-new-privs", installed("here", LIBRARY)));
    expect_finding(run_program(joined_words(words, WORDS("--check", program)), NULL), 0, "ok",
                   "guard: ");
    cr_assert_str_eq(run_program(joined_words(words, WORDS(program)), NULL).out, "guarded\n");
}

Test(check, a_set_user_id_program_drops_the_preload_for_other_users)
{
    char *program = check_main_built("gcc", WORDS("-O1"));
    output_of(WORDS("chmod", "4755", program));
    expect_privileged(program, "is set-user-ID: its loader drops LD_PRELOAD");
    expect_harmless_without_new_privileges(program);
}

Test(check, a_set_group_id_program_drops_the_preload_for_other_groups)
{
    char *program = check_main_built("gcc", WORDS("-O1"));
    output_of(WORDS("chmod", "2755", program));
    expect_privileged(program, "is set-group-ID: its loader drops LD_PRELOAD");
    expect_harmless_without_new_privileges(program);
}

Test(check, a_program_with_file_capabilities_drops_the_preload_for_other_users)
{
    needs_root("to give capabilities");
    char *program = check_main_built("gcc", WORDS("-O1"));
    output_of(WORDS("setcap", "cap_net_bind_service+ep", program));
    expect_privileged(program, "has file capabilities: its loader drops LD_PRELOAD");
}

/* ---- do no harm ---- */

/* A library that loads and is not the guard: only the breakpoint is left to stop the program. */
Test(check, main_is_not_reached_even_when_the_library_does_not_answer)
{
    char *source = scratch_file("nothing.c", "int nothing;\n", 0644);
    char *library = text("%s/nothing.so", scratch_directory());
    output_of(WORDS("gcc", "-shared", "-nostdlib", "-o", library, source));
    const char *wrapper = installed("here", library);
    const char *trace = text("%s/main-ran", scratch_directory());
    const char *const programs[] = {CHECK_MAIN, check_main_built("gcc", WORDS("-no-pie")),
                                    check_main_built("musl-gcc", WORDS("-Os")),
                                    check_main_built("musl-gcc", WORDS("-no-pie"))};
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        expect_finding(checked_by(wrapper, WORDS(programs[i], trace), NULL), 1, "fail",
                       "it was stopped before main");
        cr_assert(access(trace, F_OK) != 0, "main of %s ran", programs[i]);
    }
}

Test(check, where_ptrace_is_refused_nothing_is_run_and_nothing_is_claimed)
{
    const char *trace = text("%s/main-ran", scratch_directory());
    struct outcome outcome = run_program(
        WORDS("strace", "-f", "-o", "/dev/null", WRAPPER, "--check", CHECK_MAIN, trace), NULL);
    expect_finding(outcome, 1, "fail", "not proven: ptrace(2)");
    cr_assert(access(trace, F_OK) != 0, "main ran");
}

#define CHECK_EARLY BUILD_DIR "/tests/system/programs/check_early"

Test(check, a_program_that_dies_before_the_guard_is_asked_says_so)
{
    expect_check(WORDS(CHECK_EARLY, "abort"), 1, "fail", "signal 6 ended it before main");
    expect_check(WORDS(CHECK_EARLY), 0, "ok", "guard: ");
}

static pid_t pid_in(const char *path)
{
    char *lines = output_of(WORDS("sh", "-c", "cat \"$1\" 2>/dev/null || :", "sh", path));
    return strchr(lines, '\n') ? (pid_t)strtol(lines, NULL, 10) : 0;
}

/* Field 4 of proc_pid_stat(5); the name of the program has no space. */
static pid_t parent_of(pid_t pid)
{
    int parent = 0;
    char *stat = output_of(WORDS("cat", text("/proc/%d/stat", (int)pid)));
    cr_assert_eq(sscanf(stat, "%*d %*s %*c %d", &parent), 1, "%s", stat);
    return parent;
}

Test(check, a_program_that_hangs_before_the_guard_is_asked_is_ended)
{
    const char *file = text("%s/pid", scratch_directory());
    struct program *check =
        start_program(WORDS(WRAPPER, "--check", CHECK_EARLY, "wait", file), NULL);
    WAIT_UNTIL(pid_in(file) != 0);
    kill(parent_of(pid_in(file)), SIGALRM); /* as the tracer's own timer will */
    expect_finding(finish_program(check), 1, "fail", "it did not come to the guard");
    cr_assert(kill(pid_in(file), 0) != 0, "it is still there");
}

Test(check, a_check_that_is_killed_takes_the_program_with_it)
{
    const char *file = text("%s/pid", scratch_directory());
    struct program *check =
        start_program(WORDS(WRAPPER, "--check", CHECK_EARLY, "wait", file), NULL);
    WAIT_UNTIL(pid_in(file) != 0);
    kill(check->pid, SIGKILL);
    /* Nobody may have waited for it yet; but there is no program in it any more. */
    char *executable = text("/proc/%d/exe", (int)pid_in(file)), target[1];
    WAIT_UNTIL(readlink(executable, target, sizeof target) < 0);
}

/* Runs this in a shell; $0 is a file for a pid. The last line: is that process still there? */
static void expect_afterwards(const char *script, const char *last)
{
    const char *file = text("%s/pid", scratch_directory());
    char *all = text("%s && if kill -0 $(cat $0); then echo alive; else echo gone; fi", script);
    struct outcome outcome = run_program(WORDS("sh", "-c", all, file), NULL);
    cr_assert(strstr(outcome.out, text("\n%s\n", last)), "%s%s", outcome.out, outcome.err);
}

/* A process that its preinit function has started, in a session of its own. */
Test(check, nothing_that_the_program_started_outlives_the_check)
{
    expect_afterwards(WRAPPER " --check " CHECK_EARLY " start $0", "gone");
}

Test(check, what_the_caller_had_started_is_left_alone)
{
    expect_afterwards("sh -c 'sleep 60 >/dev/null 2>&1 & echo $! >$0; exec " WRAPPER
                      " --check " CHECK_EARLY " start $0.other' $0",
                      "alive");
}

Test(check, a_filter_that_kills_ptrace_is_named)
{
    char *filter = text("%s/filter", scratch_directory());
    char *source = scratch_file(
        "filter.c",
        "#include <linux/filter.h>\n#include <linux/seccomp.h>\n#include <stddef.h>\n"
        "#include <sys/prctl.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"
        "int main(int argc, char **argv)\n{\n"
        "    struct sock_filter code[] = {\n"
        "        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),\n"
        "        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),\n"
        "        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),\n"
        "        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};\n"
        "    struct sock_fprog program = {4, code};\n"
        "    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);\n"
        "    if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)\n"
        "        return 3;\n"
        "    execv(argv[1], argv + 1);\n    return 4;\n}\n",
        0644);
    output_of(WORDS("gcc", "-o", filter, source));
    struct outcome outcome = run_program(WORDS(filter, WRAPPER, "--check", CHECK_MAIN), NULL);
    expect_finding(outcome, 1, "fail", "is killed by a system call filter");
}

Test(check, without_a_process_nothing_is_run_and_nothing_is_claimed)
{
    const char *const *argv = joined_words(as_nobody(WORDS("prlimit", "--nproc=0")),
                                           WORDS(installed("here", LIBRARY), "--check", "true"));
    expect_finding(run_program(argv, NULL), 1, "fail",
                   "no process can be started: Resource temporarily unavailable");
}

/* ---- as a program reads it ---- */

static char *as_json(const char *const argv[], int status)
{
    const char *const *command = joined_words(WORDS(WRAPPER, "--check", "--json", "--"), argv);
    struct outcome outcome = run_program(command, NULL);
    cr_assert_eq(outcome.status, status, "status %d:\n%s", outcome.status, outcome.out);
    char *file = scratch_file("report.json", outcome.out, 0644);
    return output_of(WORDS("python3", "-m", "json.tool", "--compact", file));
}

Test(check, json_holds_the_same_findings)
{
    char *good = as_json(WORDS("sh", "-c", ":"), 0);
    const char *start = "{\"command\":[\"sh\",\"-c\",\":\"],\"findings\":[{\"level\":\"";
    cr_assert(strncmp(good, start, strlen(start)) == 0, "%s", good);
    cr_assert(
        strstr(good, "{\"level\":\"ok\",\"subject\":\"guard\",\"message\":\"" REDISGUARD_VERSION),
        "%s", good);
    cr_assert(strstr(good, "\"result\":true}"), "%s", good);
    char *bad = as_json(WORDS("/no/such"), 1);
    cr_assert(strstr(bad,
                     "{\"level\":\"fail\",\"subject\":\"command\",\"message\":\"/no/such does not "
                     "exist\",\"hint\":\"install it, or mend the path\"}"),
              "%s", bad);
    cr_assert(strstr(bad, "\"result\":false}"), "%s", bad);
}

Test(check, json_is_valid_and_a_line_is_a_line_whatever_bytes_a_name_holds)
{
    char every[256];
    for (int i = 1; i < 256; i++)
        every[i - 1] = (char)i;
    every[255] = '\0';
    /* Too long by one way of writing it, a surrogate, above the last character, cut short. */
    const char *const odd = "\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xf8 \xe2\x82";
    as_json(WORDS("/no", every, odd), 1);
    char *names =
        as_json(WORDS(text("/no/%s\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80%s", every, odd)), 1);
    cr_assert(strstr(names, "\\u00e9\\u20ac\\ud83d\\ude00"), "%s", names);

    char *out = checked_by(WRAPPER, WORDS(text("/no\n%s", every)), NULL).out;
    char *second = strchr(out, '\n') + 1;
    cr_assert(strchr(second, '\n')[1] == '\0', "not two lines:\n%s", out);
    out = checked_by(WRAPPER,
                     WORDS("/no/\xc2\x9b"
                           "31mred"),
                     NULL)
              .out; /* CSI, of C1 */
    cr_assert(strstr(out, "/no/\\xc2\\x9b31mred"), "%s", out);
}

/* ---- misused ---- */

static void expect_misuse(const char *const argv[], const char *words)
{
    struct outcome outcome = run_program(argv, NULL);
    cr_assert_eq(outcome.status, 125, "status %d", outcome.status);
    cr_assert_str_empty(outcome.out);
    cr_assert(strstr(outcome.err, words), "%s", outcome.err);
}

Test(check, misused_it_ends_with_125)
{
    expect_misuse(WORDS(WRAPPER, "--check"), "which COMMAND");
    expect_misuse(WORDS(WRAPPER, "--check", "--"), "which COMMAND");
    expect_misuse(WORDS(WRAPPER, "--json", "true"), "--json");
    expect_misuse(WORDS(WRAPPER, "--check", "--prots", "1", "true"), "--prots");
    expect_misuse(WORDS(WRAPPER, "--check", "--audit", "true"), "one of them");
    expect_misuse(WORDS(WRAPPER, "--check", "--format", "xml", "true"),
                  "table, json or prometheus");
}
