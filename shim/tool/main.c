/*
 * redisguard: runs a command under libredisguard.so, or says what the guard does (--env, --check,
 * --audit), or tunes what runs already (--tune).
 *
 * One static program: it runs beside any libc, nothing is preloaded into it, and it starts as fast
 * as a program can. options.c reads the words, library_path.c finds the library, environment.c
 * makes the command's environment, run.c becomes the command; check/, audit/ and tune/ have the
 * rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "check/check.h"
#include "common/complain.h"
#include "environment.h"
#include "library_path.h"
#include "options.h"
#include "print_env.h"
#include "run.h"
#include "tune/tune.h"

static const char *preload_of(char *const environment[])
{
    static const char preload[] = "LD_PRELOAD=";
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, preload, strlen(preload)) == 0)
            return *environment + strlen(preload);
    return "";
}

static int print_environment(const struct options *options, char *const environment[])
{
    print_env(options, preload_of(environment));
    if (fflush(stdout) != 0)
        give_up("standard output: %s", strerror(errno));
    return EXIT_SUCCESS;
}

/* With the command's environment in place of ours: check and audit read what the command would. */
static int act(const struct options *options, char *environment[])
{
    switch (options->mode) {
    case MODE_RUN:
        return run_command(options->operands, environment);
    case MODE_ENV:
        return print_environment(options, environment);
    case MODE_CHECK:
        environ = environment;
        return check_command(library_path_find().path, options->format == AUDIT_JSON,
                             options->operands);
    case MODE_AUDIT:
        environ = environment;
        return audit_connections(&(struct audit_request){
            .format = options->format,
            .only = options->only,
            .all = options->all,
            .watch = options->watch,
            .max_detect_s = options->max_notice != 0 ? options->max_notice : MAX_DETECT_S,
            .pids = options->operands});
    case MODE_TUNE:
        environ = environment;
        return tune_connections(&(struct tune_request){
            options->operands, options->all, options->dry_run, options->server, options->watch});
    }
    abort();
}

int main(int argc, char *argv[])
{
    struct options options = options_read(argc, argv);
    bool preloads = options.mode == MODE_RUN || options.mode == MODE_ENV;
    struct library_path library = {.is_found = false};
    if (preloads)
        library = library_path_to_preload();
    const char *path = preloads ? library.path : NULL;
    struct environment_size size = environment_measure(&options, path);
    char *environment[size.entries];
    char bytes[size.bytes];
    environment_fill(environment, bytes, &options, path);
    return act(&options, environment);
}
