/*
 * proof.c: see proof.h.
 *
 * Without the guard in it, a program that is started with REDISGUARD_PROBE=1 would simply run. So
 * it is started under ptrace(2): at its exec the kernel tells where its own code begins (AT_ENTRY),
 * and there a breakpoint is put. With glibc the constructors have run before that point, and it is
 * killed there. musl runs them later, from __libc_start_main(main, ...): the first call that leaves
 * the program; there the breakpoint is moved on to main. The kernel kills it as well should this
 * process end (EXITKILL).
 */
#include "proof.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "common/strings.h"

static volatile sig_atomic_t time_is_up;

static void note_time(int signal)
{
    (void)signal;
    time_is_up = 1;
}

/* ---- the child ---- */

struct start {
    const char *path;
    char *const *argv;
    pid_t tracer;
    int out, err;
    int *error; /* shared with the child: of ptrace, then of execve */
};

static void be_traced_and_exec(const struct start *start)
{
    const struct rlimit no_core = {0, 0};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(nothing, STDIN_FILENO);
    dup2(start->out, STDOUT_FILENO);
    dup2(start->err, STDERR_FILENO);
    /* Until the options are set, what keeps it from running on without its tracer is this. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == start->tracer &&
        ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
        raise(SIGSTOP);
        execve(start->path, start->argv, environ);
    }
    *start->error = errno;
    _exit(EXIT_FAILURE);
}

/* ---- the tracer ---- */

/* Where the program's own code begins. */
struct entry {
    unsigned long address, before;
    bool is_passed;
};

static bool auxiliary(pid_t pid, unsigned long type, unsigned long *value)
{
    char *name = xasprintf("/proc/%d/auxv", (int)pid);
    FILE *file = fopen(name, "re");
    Elf64_auxv_t entry = {.a_type = AT_NULL};
    bool found = false;
    while (file != NULL && !found && fread(&entry, sizeof entry, 1, file) == 1)
        found = entry.a_type == type;
    if (file != NULL)
        fclose(file);
    *value = entry.a_un.a_val;
    return found;
}

/* Returns what was there. */
static bool put_breakpoint(pid_t pid, unsigned long at, unsigned long *before)
{
    errno = 0;
    *before = (unsigned long)ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
    if (errno != 0)
        return false;
    return ptrace(PTRACE_POKETEXT, pid, at, (*before & ~ARCH_BREAKPOINT_MASK) | ARCH_BREAKPOINT) ==
           0;
}

static bool read_registers(pid_t pid, struct user_regs_struct *registers)
{
    struct iovec all = {registers, sizeof *registers};
    return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all) == 0;
}

static bool write_registers(pid_t pid, struct user_regs_struct *registers)
{
    struct iovec all = {registers, sizeof *registers};
    return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all) == 0;
}

/* The part of the program's code that holds this address. */
static bool find_code(pid_t pid, unsigned long address, unsigned long *start, unsigned long *end)
{
    char *name = xasprintf("/proc/%d/maps", (int)pid), *line = NULL;
    FILE *file = fopen(name, "re");
    size_t room = 0;
    bool found = false;
    while (file != NULL && !found && getline(&line, &room, file) >= 0) {
        char *rest = NULL;
        *start = strtoul(line, &rest, 16);
        *end = *rest == '-' ? strtoul(rest + 1, NULL, 16) : 0;
        found = *start <= address && address < *end;
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return found;
}

/* One instruction; false when it ended in anything else. */
static bool take_step(pid_t pid, struct user_regs_struct *registers)
{
    int status = 0;
    return ptrace(PTRACE_SINGLESTEP, pid, NULL, 0L) == 0 && waitpid(pid, &status, __WALL) == pid &&
           WIFSTOPPED(status) && status >> 8 == SIGTRAP && read_registers(pid, registers);
}

/* It stands at the program's first instruction. Puts the breakpoint on main instead. */
static bool move_on_to_main(pid_t pid, const struct entry *entry)
{
    enum { STEPS_AT_MOST = 1000 };
    struct user_regs_struct registers = {0};
    unsigned long start = 0, end = 0, before = 0;
    if (!read_registers(pid, &registers) ||
        registers.ARCH_COUNTER != entry->address + ARCH_BREAKPOINT_STEP ||
        !find_code(pid, entry->address, &start, &end))
        return false;
    registers.ARCH_COUNTER = entry->address;
    if (ptrace(PTRACE_POKETEXT, pid, entry->address, entry->before) != 0 ||
        !write_registers(pid, &registers))
        return false;
    for (int i = 0; registers.ARCH_COUNTER >= start && registers.ARCH_COUNTER < end; i++)
        if (i == STEPS_AT_MOST || !take_step(pid, &registers))
            return false;
    unsigned long main = registers.ARCH_ARGUMENT;
    return main >= start && main < end && put_breakpoint(pid, main, &before);
}

/* At its exec, before its first instruction. False: it must not go on. */
static bool guard_its_entry(pid_t pid, struct proof *proof, struct entry *entry)
{
    unsigned long secure = 0;
    entry->is_passed = false;
    if (!auxiliary(pid, AT_ENTRY, &entry->address) || !auxiliary(pid, AT_SECURE, &secure) ||
        !put_breakpoint(pid, entry->address, &entry->before)) {
        *proof = (struct proof){.end = PROOF_REFUSED, .status = EPERM};
        return false;
    }
    if (secure != 0)
        proof->end = PROOF_SECURE;
    return secure == 0;
}

static void end_it(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
}

/* At a trap. False: it must not go on. */
static bool pass_trap(pid_t pid, bool is_musl, struct proof *proof, struct entry *entry)
{
    proof->end = PROOF_MAIN;
    if (!is_musl || entry->is_passed)
        return false;
    entry->is_passed = true;
    return move_on_to_main(pid, entry);
}

/* At a stop. False: it must not go on; else *signal is the one to give it. */
static bool pass_stop(pid_t pid, int status, bool is_musl, struct proof *proof, int *signal)
{
    static struct entry entry;
    *signal = 0;
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
        return guard_its_entry(pid, proof, &entry);
    if (WSTOPSIG(status) == SIGTRAP)
        return pass_trap(pid, is_musl, proof, &entry);
    *signal = WSTOPSIG(status);
    return true;
}

/* From its exec until it has ended; decides how. */
static void watch(pid_t pid, bool is_musl, struct proof *proof)
{
    for (int status, signal = 0;;) {
        ptrace(PTRACE_CONT, pid, NULL, (long)signal);
        pid_t waited = waitpid(pid, &status, __WALL);
        if (waited < 0 && errno == EINTR && !time_is_up) {
            signal = 0;
            continue;
        }
        if (waited < 0) {
            proof->end = PROOF_SILENT;
            break;
        }
        if (!WIFSTOPPED(status)) {
            proof->end = WIFEXITED(status) ? PROOF_EXITED : PROOF_KILLED;
            proof->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
            return;
        }
        if (!pass_stop(pid, status, is_musl, proof, &signal))
            break;
    }
    end_it(pid);
}

/* False: it cannot be traced, and has ended without having run anything. */
static bool seize(pid_t pid, struct proof *proof)
{
    int status = 0;
    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        proof->end = PROOF_FILTERED;
    if (!WIFSTOPPED(status))
        return false;
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC) == 0)
        return true;
    end_it(pid);
    return false;
}

/* ---- what it has started: constructors and resolvers may fork ---- */

/* Whoever loses its parent becomes our child (PR_SET_CHILD_SUBREAPER), until nobody is left. */
static void end_descendants(void)
{
    char *name = xasprintf("/proc/self/task/%d/children", (int)getpid());
    for (;;) {
        int pid = 0;
        FILE *children = fopen(name, "re");
        bool found = children != NULL && fscanf(children, "%d", &pid) == 1;
        if (children != NULL)
            fclose(children);
        if (!found)
            return;
        end_it(pid);
    }
}

/* ---- its outputs: files, since a pipe that nobody reads would stop it ---- */

static char *content_of(int file)
{
    off_t length = lseek(file, 0, SEEK_END);
    char *content = calloc(1, (size_t)length + 1);
    if (content == NULL || pread(file, content, (size_t)length, 0) != length)
        abort();
    close(file);
    return content;
}

/* ---- all of it ---- */

/* What this process, the tracer and the program share. */
struct shared {
    enum proof_end end;
    int status;
    int error; /* of ptrace, then of execve */
};

static struct shared *shared_memory(void)
{
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    /* What stays should the tracer be killed. */
    *(struct shared *)memory = (struct shared){.end = PROOF_REFUSED, .status = ECANCELED};
    return memory;
}

/* Again and again: the first signal may come just before a wait. */
static void set_timer(int seconds)
{
    const struct sigaction on_alarm = {.sa_handler = note_time};
    const struct itimerval timer = {{1, 0}, {seconds, 0}};
    sigaction(SIGALRM, &on_alarm, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* The tracer, a process of its own: all its descendants are the program's, and none of them those
 * that whoever started redisguard had started before. */
static void trace(struct start *start, bool is_musl, struct shared *shared)
{
    struct proof proof = {.end = PROOF_REFUSED};
    start->tracer = getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t pid = fork();
    if (pid == 0)
        be_traced_and_exec(start);
    if (pid < 0) {
        proof = (struct proof){.end = PROOF_NO_FORK, .status = errno};
    } else if (seize(pid, &proof)) {
        set_timer(PROOF_SECONDS);
        watch(pid, is_musl, &proof);
        set_timer(0);
        if (shared->error != 0)
            proof.end = PROOF_NO_EXEC;
    }
    end_descendants();
    shared->end = proof.end;
    shared->status = shared->error != 0 ? shared->error : proof.status;
}

struct proof proof_run(const char *path, char *const argv[], bool is_musl)
{
    struct shared *shared = shared_memory();
    struct start start = {.path = path,
                          .argv = argv,
                          .out = memfd_create("out", MFD_CLOEXEC),
                          .err = memfd_create("err", MFD_CLOEXEC),
                          .error = &shared->error};
    pid_t parent = getpid();
    if (start.out < 0 || start.err < 0)
        abort();
    setenv("REDISGUARD_PROBE", "1", 1);
    fflush(stdout);
    pid_t tracer = fork();
    if (tracer == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent)
            trace(&start, is_musl, shared);
        _exit(EXIT_SUCCESS);
    }
    if (tracer < 0)
        *shared = (struct shared){.end = PROOF_NO_FORK, .status = errno};
    while (tracer > 0 && waitpid(tracer, NULL, 0) < 0 && errno == EINTR)
        ;
    unsetenv("REDISGUARD_PROBE");
    return (struct proof){.end = shared->end,
                          .status = shared->status,
                          .out = content_of(start.out),
                          .err = content_of(start.err)};
}
