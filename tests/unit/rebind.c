/*
 * rebind.c: the tests of shim/lib/dl/rebind.c with real modules of Debian: loaded with
 * RTLD_DEEPBIND, do their calls reach the hook? libhiredis is built to be bound at once and
 * read-only from then on, libseccomp to be bound on first use.
 */
#include "dl/rebind.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dl/real.h"
#include "dl/scope.h"
#include "log.h"
#include "unit.h"

#define MODULE      "libhiredis.so.0.14"
#define LAZY_MODULE "libseccomp.so.2"

static void default_environment(void)
{
    configure(WORDS(NULL));
    scope_start();
}

TestSuite(rebind, .init = default_environment, .timeout = 10);

static int connects;
static int copies;

static int counting_connect(int fd, const struct sockaddr *peer, socklen_t length)
{
    connects++;
    return real_functions()->connect(fd, peer, length);
}

static int counting_dup(int fd)
{
    copies++;
    return real_functions()->dup(fd);
}

static const struct hook hooks[] = {
    {"dup", (function)counting_dup, offsetof(struct real, dup), false},
    {"connect", (function)counting_connect, offsetof(struct real, connect), false},
    {NULL, NULL, 0, false},
};

typedef void *opener(const char *file, int mode);

/* Where the return address of a call of dlopen would stand, as long as that is at work. */
static uintptr_t return_address;

static opener *route_by(const struct hook list[], const char *file, int mode)
{
    return_address++;
    return (opener *)rebind_route(list, file, mode, &return_address);
}

static opener *route_of(const char *file, int mode)
{
    return route_by(hooks, file, mode);
}

/* That dlopen has returned, and a later call has written over its return address. */
static void call_something_else(void)
{
    return_address++;
}

/* As the dlopen hook does. */
static void *open_module(const char *file, int mode)
{
    void *handle = route_of(file, mode)(file, mode);
    cr_assert_not_null(handle, "%s", file);
    return handle;
}

struct search {
    const char *module;
    int answer;
};

static void write_path(void *argument)
{
    struct search *search = argument;
    struct link_map *map = NULL;
    void *handle = dlopen(search->module, RTLD_LAZY);
    EXPECT(handle != NULL && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0);
    dprintf(search->answer, "%s", map == NULL ? "" : map->l_name);
}

/* Where the loader finds the module, which is not loaded in this process by that. */
static const char *path_of(const char *module)
{
    struct search search = {.module = module, .answer = open_capture()};
    in_child(write_path, &search);
    return captured(search.answer);
}

/* How often the hook was reached by one connect of the module, which must succeed. */
static int hooked_connects_of(void *module)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, length), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    int *(*connect_to_redis)(const char *, int); /* its context begins with an error number */
    void *found = dlsym(module, "redisConnect");
    memcpy(&connect_to_redis, &found, sizeof found);
    int before = connects;
    int *context = connect_to_redis("127.0.0.1", ntohs(address.sin_port));
    cr_assert(context != NULL && *context == 0);
    close(listener);
    return connects - before;
}

Test(rebind, module_loaded_by_its_path_with_deepbind_reaches_hook)
{
    const char *path = path_of(MODULE);
    void *module = open_module(path, RTLD_NOW | RTLD_DEEPBIND);
    cr_expect_eq(hooked_connects_of(module), 1);
    cr_expect_eq(copies, 0);
    cr_expect_null(dlerror());
}

/* How often the hook was reached when the module wrote an empty filter: it copies a descriptor. */
static int hooked_copies_of(void *module)
{
    enum { ALLOW = 0x7fff0000 };
    void *(*make)(unsigned action);
    int (*write_out)(void *filter, int fd);
    void *found = dlsym(module, "seccomp_init");
    memcpy(&make, &found, sizeof found);
    found = dlsym(module, "seccomp_export_pfc");
    memcpy(&write_out, &found, sizeof found);
    int before = copies;
    int capture = open_capture();
    cr_assert_eq(write_out(make(ALLOW), capture), 0);
    cr_assert_str_not_empty(captured(capture));
    return copies - before;
}

static int hooked_connects_by(const struct hook list[])
{
    const char *path = path_of(MODULE);
    const int mode = RTLD_NOW | RTLD_DEEPBIND;
    void *module = route_by(list, path, mode)(path, mode);
    cr_assert_not_null(module);
    return hooked_connects_of(module);
}

Test(rebind, module_that_wants_secondary_hooks_alone_is_left_alone)
{
    static const struct hook list[] = {
        {"connect", (function)counting_connect, offsetof(struct real, connect), true},
        {NULL, NULL, 0, false}};
    cr_expect_eq(hooked_connects_by(list), 0);
}

Test(rebind, module_that_wants_another_hook_gets_secondary_ones_too)
{
    static const struct hook list[] = {
        {"connect", (function)counting_connect, offsetof(struct real, connect), true},
        {"setsockopt", (function)setsockopt, offsetof(struct real, setsockopt), false},
        {NULL, NULL, 0, false}};
    cr_expect_eq(hooked_connects_by(list), 1);
}

Test(rebind, lazy_got_entry_calls_hook_on_its_first_and_second_use)
{
    const char *path = path_of(LAZY_MODULE);
    void *module = open_module(path, RTLD_LAZY | RTLD_DEEPBIND);
    cr_expect_eq(hooked_copies_of(module), 1);
    cr_expect_eq(hooked_copies_of(module), 1);
    cr_expect_eq(connects, 0);
}

/* By a bare name: straight to the real dlopen, and deferred. */
static void *open_by_name(const char *module)
{
    const int mode = RTLD_LAZY | RTLD_DEEPBIND;
    cr_assert_eq(route_of(module, mode), real_functions()->dlopen);
    void *handle = real_functions()->dlopen(module, mode);
    cr_assert_not_null(handle, "these tests need %s", module);
    return handle;
}

Test(rebind, module_loaded_by_bare_name_is_rebound_by_next_hook)
{
    void *module = open_by_name(MODULE);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(module), 1);
    cr_expect_null(dlerror());
}

Test(rebind, deferred_rebind_is_done_by_next_dlopen)
{
    void *module = open_by_name(MODULE);
    call_something_else();
    route_of("libc.so.6", RTLD_LAZY);
    cr_expect_eq(hooked_connects_of(module), 1);
}

#ifdef __x86_64__ /* elsewhere it is the stack pointer that tells */
Test(rebind, signal_handler_rebinds_nothing_inside_interrupted_dlopen)
{
    void *module = open_by_name(MODULE);
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(module), 0);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(module), 1);
}
#endif

Test(rebind, deferred_rebind_finds_origin_path_by_its_last_part)
{
    const int mode = RTLD_LAZY | RTLD_DEEPBIND;
    route_of("$ORIGIN/../lib/" MODULE, mode);
    void *module = real_functions()->dlopen(MODULE, mode);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(module), 1);
}

/* As what is opened by its SONAME, and was there already from a file of another name. */
Test(rebind, deferred_rebind_finds_module_of_another_file_name_by_its_soname)
{
    const int mode = RTLD_LAZY | RTLD_DEEPBIND;
    const char *copy = text("%s/another-name.so", scratch_directory());
    cr_assert_eq(system(text("cp %s %s", path_of(MODULE), copy)), 0);
    route_of(MODULE, mode);
    void *module = real_functions()->dlopen(copy, mode);
    cr_assert_not_null(module);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(module), 1);
}

/* A suite that does not begin with scope_start. */
Test(rebind_before_start, module_loaded_before_our_constructor_is_rebound)
{
    const char *path = path_of(MODULE);
    void *module = open_module(path, RTLD_LAZY | RTLD_DEEPBIND);
    cr_expect_eq(hooked_connects_of(module), 1);
}

/* What an early constructor opens counts as there from the start, and yet it may be closed. */
Test(rebind_before_start, module_is_rebound_though_something_from_start_was_closed)
{
    const char *path = path_of(MODULE);
    const char *last = path_of(LAZY_MODULE);
    void *gone = dlopen("libbz2.so.1.0", RTLD_LAZY);
    cr_assert(gone != NULL && dlopen(last, RTLD_LAZY) != NULL);
    scope_start();
    open_module(last, RTLD_LAZY | RTLD_DEEPBIND);
    dlclose(gone);
    cr_assert_null(dlopen("libbz2.so.1.0", RTLD_LAZY | RTLD_NOLOAD));
    void *module = open_module(path, RTLD_LAZY | RTLD_DEEPBIND);
    cr_expect_eq(hooked_connects_of(module), 1);
}

Test(rebind, one_module_after_other_is_rebound)
{
    void *first = open_by_name(MODULE);
    call_something_else();
    rebind_deferred();
    void *second = open_by_name(LAZY_MODULE);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(first), 1);
    cr_expect_eq(hooked_copies_of(second), 1);
}

static int opened_files;

static FILE *counting_fopen(const char *path, const char *mode)
{
    opened_files++;
    return fopen(path, mode);
}

static void open_with_fopen_hooked(const char *module)
{
    static const struct hook hook[] = {
        {"fopen64", (function)counting_fopen, offsetof(struct real, connect), false},
        {NULL, NULL, 0, false}};
    const char *path = path_of(module);
    function real = (function)fopen64;
    real_functions();                                /* resolves them, once */
    memcpy(&real_table.connect, &real, sizeof real); /* which this test does not call */
    const int mode = RTLD_LAZY | RTLD_DEEPBIND;
    cr_assert_not_null(route_by(hook, path, mode)(path, mode));
}

/* libapt-pkg, which every Debian system has, needs libbz2, which opens files for whoever asks. */
static void expect_a_dependency_to_be_rebound(void)
{
    open_with_fopen_hooked("libapt-pkg.so.6.0");
    void *dependency = dlopen("libbz2.so.1.0", RTLD_LAZY | RTLD_NOLOAD);
    cr_assert_not_null(dependency);
    void *(*open_compressed)(const char *, const char *);
    void *found = dlsym(dependency, "BZ2_bzopen");
    memcpy(&open_compressed, &found, sizeof found);
    cr_expect_null(open_compressed("/nonexistent/file.bz2", "r"));
    cr_expect_eq(opened_files, 1);
}

Test(rebind, dependency_is_rebound)
{
    expect_a_dependency_to_be_rebound();
}

/* By the dlopen that loaded it. */
Test(rebind, dependency_opened_before_is_rebound)
{
    open_with_fopen_hooked("libbz2.so.1.0");
    expect_a_dependency_to_be_rebound();
}

Test(rebind, modules_are_rebound_whatever_was_loaded_and_closed_between_them)
{
    const char *path = path_of(MODULE);
    const char *lazy_path = path_of(LAZY_MODULE);
    for (int i = 0; i < 3; i++) {
        void *ordinary = real_functions()->dlopen("libbz2.so.1.0", RTLD_LAZY);
        void *module = open_module(path, RTLD_LAZY | RTLD_DEEPBIND);
        if (i == 1)
            dlclose(ordinary);
        cr_expect_eq(hooked_connects_of(module), 1);
        dlclose(module);
        void *lazy = open_module(lazy_path, RTLD_LAZY | RTLD_DEEPBIND);
        cr_expect_eq(hooked_copies_of(lazy), 1);
        dlclose(lazy);
    }
}

Test(rebind, only_module_that_was_opened_is_rebound)
{
    void *other = dlopen(MODULE, RTLD_NOW);
    void *module = open_by_name(LAZY_MODULE);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(other), 0);
    cr_expect_eq(hooked_copies_of(module), 1);
}

Test(rebind, module_loaded_without_deepbind_is_left_alone)
{
    const char *path = path_of(MODULE);
    cr_assert_eq(route_of(path, RTLD_NOW | RTLD_GLOBAL), real_functions()->dlopen);
    void *module = open_module(path, RTLD_NOW | RTLD_GLOBAL);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(module), 0);
}

static void expect_left_alone(const char *setting)
{
    configure(WORDS(setting));
    const char *path = path_of(MODULE);
    cr_assert_eq(route_of(path, RTLD_NOW | RTLD_DEEPBIND), real_functions()->dlopen);
    cr_assert_eq(route_of(MODULE, RTLD_NOW | RTLD_DEEPBIND), real_functions()->dlopen);
    void *module = real_functions()->dlopen(MODULE, RTLD_NOW | RTLD_DEEPBIND);
    call_something_else();
    rebind_deferred();
    cr_expect_eq(hooked_connects_of(module), 0);
}

Test(rebind, with_deepbind_set_to_keep_modules_are_left_alone)
{
    expect_left_alone("DEEPBIND=keep");
}

Test(rebind, disabled_guard_leaves_modules_alone)
{
    expect_left_alone("DISABLE=1");
}

Test(rebind, dlopen_that_needs_its_caller_is_called_directly)
{
    cr_expect_eq(route_of(NULL, RTLD_NOW | RTLD_DEEPBIND), real_functions()->dlopen);
    cr_expect_eq(route_of("$ORIGIN/module.so", RTLD_NOW | RTLD_DEEPBIND), real_functions()->dlopen);
    cr_expect_eq(route_of(repeated("n", 5000), RTLD_NOW | RTLD_DEEPBIND), real_functions()->dlopen);
}

Test(rebind, module_that_cannot_be_loaded_leaves_dlopens_own_error)
{
    const char *path = "/nonexistent/module.so";
    cr_expect_null(route_of(path, RTLD_NOW | RTLD_DEEPBIND)(path, RTLD_NOW | RTLD_DEEPBIND));
    char *error = dlerror();
    cr_assert_not_null(error);
    cr_expect_not_null(strstr(error, path));
}

/* Protection and size of each mapping of both modules. */
static char *protections(void)
{
    char *maps = content_of("/proc/self/maps");
    char *all = text("%s", "");
    for (char *map; (map = strsep(&maps, "\n")) != NULL;) {
        char *end;
        unsigned long first = strtoul(map, &end, 16);
        unsigned long last = strtoul(end + 1, &end, 16);
        if (strstr(map, "/libhiredis") != NULL || strstr(map, "/libseccomp") != NULL)
            all = text("%s%lx %.5s %s\n", all, last - first, end, strrchr(map, '/'));
    }
    return all;
}

static void load_without_rebinding(void *capture)
{
    EXPECT(real_functions()->dlopen(MODULE, RTLD_LAZY | RTLD_DEEPBIND) != NULL);
    EXPECT(real_functions()->dlopen(LAZY_MODULE, RTLD_LAZY | RTLD_DEEPBIND) != NULL);
    dprintf(*(int *)capture, "%s", protections());
}

Test(rebind, rebound_module_keeps_its_page_protection)
{
    int capture = open_capture();
    in_child(load_without_rebinding, &capture);
    const char *path = path_of(MODULE);
    const char *lazy_path = path_of(LAZY_MODULE);
    open_module(path, RTLD_LAZY | RTLD_DEEPBIND);
    void *module = open_module(lazy_path, RTLD_LAZY | RTLD_DEEPBIND);
    cr_expect_str_not_empty(captured(capture));
    cr_expect_str_eq(protections(), captured(capture));
    cr_expect_eq(hooked_copies_of(module), 1);
}

Test(rebind, log_names_every_rebound_got_entry)
{
    int capture = capture_stderr();
    configure(WORDS("LOG=stderr", "LOG_LEVEL=debug"));
    log_start();
    const char *path = path_of(MODULE);
    open_module(path, RTLD_NOW | RTLD_DEEPBIND);
    cr_expect_not_null(strstr(captured(capture), text("] debug: %s: connect rebound\n", path)));
    cr_expect_null(strstr(captured(capture), "] warn: "));
}

static void rebind_where_pages_stay_read_only(void *unused)
{
    (void)unused;
    int capture = start_log("stderr");
    void *module = open_by_name(MODULE);
    call_something_else();
    refuse_call(SYS_mprotect, EACCES);
    rebind_deferred();
    char *said = strstr(captured(capture), "] warn: ");
    EXPECT(said != NULL);
    EXPECT(strstr(said, MODULE " cannot be rebound (connect: EACCES): its connect() and "
                               "setsockopt() calls are not intercepted\n") != NULL);
    EXPECT(hooked_connects_of(module) == 0);
}

Test(rebind, log_warns_where_sandbox_prevents_rebinding)
{
    in_child(rebind_where_pages_stay_read_only, NULL);
}
