/*
 * check.c: see check.h. Reads files first; only a program that can load the library is started, and
 * that one never reaches its main (proof.h).
 */
#include "check/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.h"
#include "answer.h"
#include "command.h"
#include "common/strings.h"
#include "library.h"
#include "php.h"
#include "program.h"
#include "proof.h"
#include "report.h"

static bool is_shell(const char *path)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ash", "busybox", "zsh", "ksh"};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(base_name(path), shells[i]) == 0)
            return true;
    return false;
}

static void check(const char *library, char **argv)
{
    struct command command = {.argv = argv};
    bool is_usable = library_is_usable(library);
    library_preload(library);
    library_seek_others(library);
    bool is_found = command_follow(&command);
    if (!is_usable || !is_found)
        return;
    const char *about = base_name(command.path);
    if ((command.is_launcher || is_shell(command.path)) && program_is_static(command.path)) {
        warn(about, "it is linked statically, so not guarded itself; what it starts is",
             "check those commands by themselves");
        return;
    }
    enum libc libc = program_libc(command.path, library);
    if (libc == NO_LIBC)
        return;
    struct proof proof = proof_run(command.path, command.argv, libc == MUSL);
    answer_judge(&proof, about);
    if (report_has_failed())
        return;
    addresses_explain();
    if (is_shell(command.path))
        ok(about, "what it starts inherits the guard; check those commands by themselves");
    php_explain(command.path, command.argv);
}

int check_command(const char *library, bool as_json, char **argv)
{
    report_begin(as_json, argv);
    check(library, argv);
    report_end();
    return report_has_failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}
