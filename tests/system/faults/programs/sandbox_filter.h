/*
 * A seccomp filter for the programs of the sandbox suite: system calls that fail from now on, in
 * this process and all that it becomes or starts. Included by programs/sandbox_*.c.
 */
#ifndef REDISGUARD_TESTS_SANDBOX_FILTER_H
#define REDISGUARD_TESTS_SANDBOX_FILTER_H

#include "child_tools.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

enum { INSTRUCTIONS_AT_MOST = 256 };

struct filter {
    struct sock_filter instructions[INSTRUCTIONS_AT_MOST];
    unsigned short length;
};

static inline void add(struct filter *filter, struct sock_filter instruction)
{
    filter->instructions[filter->length++] = instruction;
}

/* Goes on with the next instruction where the word at this place has the value, else skips some. */
static inline void add_test(struct filter *filter, size_t place, unsigned value, int skip)
{
    add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)place));
    add(filter,
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (unsigned char)skip));
}

/* A rule is the number of a call, and perhaps arguments: 55/1=1/2=57. Only their lower halves are
 * looked at, which come first on the machines that we know. */
static inline void add_rule(struct filter *filter, const char *rule, int error)
{
    int arguments = 0;
    for (const char *at = rule; (at = strchr(at, '/')) != NULL; at++)
        arguments++;
    add_test(filter, offsetof(struct seccomp_data, nr), (unsigned)atoi(rule), 2 * arguments + 1);
    for (const char *at = rule; (at = strchr(at, '/')) != NULL; at++) {
        long index = strtol(at + 1, NULL, 10);
        long value = strtol(strchr(at, '=') + 1, NULL, 10);
        add_test(filter, offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (size_t)index,
                 (unsigned)value, 2 * --arguments + 1);
    }
    add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error));
}

static inline void install(struct filter *filter)
{
    struct sock_fprog program = {.len = filter->length, .filter = filter->instructions};
    checked(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    checked(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "PR_SET_SECCOMP");
}

/* rules: NULL ends them. */
static inline void refuse(char *const rules[], int error)
{
    struct filter filter = {.length = 0};
    for (int i = 0; rules[i] != NULL; i++)
        add_rule(&filter, rules[i], error);
    add(&filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    install(&filter);
}

/* From here on every call but these ends this process, and all that it becomes or starts. */
static inline void kill_unless(const long numbers[], int count)
{
    struct filter filter = {.length = 0};
    for (int i = 0; i < count; i++) {
        add_test(&filter, offsetof(struct seccomp_data, nr), (unsigned)numbers[i], 1);
        add(&filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    }
    add(&filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    install(&filter);
}

#endif
