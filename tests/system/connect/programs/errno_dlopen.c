/*
 * errno_dlopen DIRECTORY: dlopen(3) of files that are there and files that are not, in every mode,
 * and what dlerror(3) has to say. Prints a line for each call, with what is done to the handle.
 */
#include "errno_tools.h"

#include <dlfcn.h>
#include <elf.h>
#include <stddef.h>

static const struct {
    const char *name;
    int mode;
} modes[] = {
    {"lazy", RTLD_LAZY},
    {"now", RTLD_NOW},
    {"now global", RTLD_NOW | RTLD_GLOBAL},
    {"noload", RTLD_LAZY | RTLD_NOLOAD},
    {"deepbind", RTLD_LAZY | RTLD_DEEPBIND},
    {"deepbind now", RTLD_NOW | RTLD_DEEPBIND},
    {"deepbind noload", RTLD_NOW | RTLD_DEEPBIND | RTLD_NOLOAD},
    {"no mode", 0},
    {"deepbind and no mode", RTLD_DEEPBIND},
    {"unknown bits", 0x20000 | RTLD_NOW},
};

enum { MODES = sizeof modes / sizeof modes[0] };

/* libm.so.6 is there wherever libc is, and this program does not need it. */
#define PRESENT "libm.so.6"

/* ---- files that are no modules ---- */

/* What a linker would take, and is longer than an ELF header. */
static const char script[] =
    "/* GNU ld script */ INPUT ( libm.so.6 ) GROUP ( libm.so.6 AS_NEEDED ( "
    "libc.so.6 ) )\n";

static const char *made_file(const char *name, const void *content, size_t length)
{
    const char *path = path_of(name);
    int fd = checked(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700), "open");
    checked((int)write(fd, content, length), "write");
    close(fd);
    return path;
}

/* This program's own ELF header, with one byte of it changed. */
static const char *spoilt(const char *name, size_t offset, unsigned char byte, size_t length)
{
    unsigned char content[4096];
    int fd = checked(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "open");
    checked((int)read(fd, content, sizeof content), "read");
    close(fd);
    content[offset] = byte;
    return made_file(name, content, length);
}

/* ---- one call ---- */

static const char *said_by_dlerror(void)
{
    const char *error = dlerror();
    return error == NULL ? "nothing" : words("\"%s\"", error);
}

static const char *done_to(void *handle, const char *file, int mode)
{
    if (handle == NULL)
        return "";
    void *again = dlopen(file, mode);
    void *known = dlsym(handle, "cos");
    void *unknown = dlsym(handle, "no_such_symbol");
    const char *unknown_error = said_by_dlerror();
    int first = dlclose(handle);
    int second = again == NULL ? -9 : dlclose(again);
    return words("again %s, cos %d, unknown %d %s, dlclose %d %d",
                 again == handle ? "the same" : "another", known != NULL, unknown != NULL,
                 unknown_error, first, second);
}

static void try_open(const char *file, int mode)
{
    errno = UNTOUCHED;
    void *volatile handle = dlopen(file, modes[mode].mode);
    int error = errno;
    const char *text = said_by_dlerror();
    const char *left_behind = said_by_dlerror();
    tell(
        words("%s, %s", file == NULL ? "NULL" : file, modes[mode].name), handle != NULL,
        error == 0 ? UNTOUCHED : error,
        words("dlerror %s then %s %s", text, left_behind, done_to(handle, file, modes[mode].mode)));
}

/* An error that nobody has asked for is still there after a call that succeeds, or is not. */
static void try_old_error(int mode)
{
    dlopen("libredisguard-no-such-file.so", RTLD_NOW);
    void *handle = dlopen(PRESENT, modes[mode].mode);
    printf("an older error, %s: %s\n", modes[mode].name, said_by_dlerror());
    if (handle != NULL)
        dlclose(handle);
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    directory = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    const char *const files[] = {
        NULL,
        "",
        PRESENT,
        "libc.so.6",
        "libredisguard-no-such-file.so",
        "libredisguard-no-such-file-with-a-name-that-is-much-longer-than-any-file-s-name-is.so",
        "./no-such-file.so",
        "$ORIGIN/no-such-file.so",
        "$NOSUCH/no-such-file.so",
        "/no/such/file.so",
        "/",
        "/dev/null",
        "/proc/self/exe",
        directory,
        made_file("empty.so", "", 0),
        made_file("text.so", script, sizeof script - 1),
        spoilt("short.so", EI_MAG0, ELFMAG0, 20),
        spoilt("class.so", EI_CLASS, ELFCLASS32, 4096),
        spoilt("data.so", EI_DATA, ELFDATA2MSB, 4096),
        spoilt("version.so", EI_VERSION, 9, 4096),
        spoilt("abi.so", EI_OSABI, 99, 4096),
        spoilt("machine.so", offsetof(Elf64_Ehdr, e_machine), 3, 4096),
        spoilt("type.so", offsetof(Elf64_Ehdr, e_type), ET_CORE, 4096),
        spoilt("entry.so", offsetof(Elf64_Ehdr, e_phentsize), 1, 4096),
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        for (int mode = 0; mode < MODES; mode++)
            try_open(files[i], mode);
    for (int mode = 0; mode < MODES; mode++)
        try_old_error(mode);
    return EXIT_SUCCESS;
}
