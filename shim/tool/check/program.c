/*
 * program.c: see program.h. Reads files and runs nothing. The files may hold anything: each offset
 * is only ever given to pread(2), which says where the file ends.
 */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/strings.h"
#include "library.h"
#include "report.h"

enum { HEADERS_AT_MOST = 256, NOTES_LENGTH = 4096, LOADER_LENGTH = 4096 };

static bool read_at(int file, uint64_t offset, void *into, size_t length)
{
    return offset <= INT64_MAX && pread(file, into, length, (off_t)offset) == (ssize_t)length;
}

/* ---- privileges ---- */

/* What the file gives, and whether this user would gain by it. NULL: nothing. */
static const char *privileges_of(const char *path, bool *for_this_user)
{
    struct stat status;
    struct statvfs mount;
    bool may_gain_none = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    if (stat(path, &status) != 0 || statvfs(path, &mount) != 0 || (mount.f_flag & ST_NOSUID) != 0)
        return NULL;
    if ((status.st_mode & S_ISUID) != 0 && !may_gain_none) {
        *for_this_user = status.st_uid != getuid();
        return "is set-user-ID";
    }
    if ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !may_gain_none) {
        *for_this_user = status.st_gid != getgid();
        return "is set-group-ID";
    }
    if (getxattr(path, "security.capability", NULL, 0) > 0) {
        *for_this_user = getuid() != 0;
        return "has file capabilities";
    }
    return NULL;
}

bool program_keeps_preload(const char *path, const char *cure)
{
    bool for_this_user = false;
    const char *privileges = privileges_of(path, &for_this_user);
    if (privileges == NULL || library_is_global()) /* which holds for privileged programs too */
        return true;
    if (for_this_user)
        fail(base_name(path), xasprintf("%s %s: its loader drops LD_PRELOAD", path, privileges),
             cure);
    else
        warn(base_name(path),
             xasprintf("%s %s: its loader drops LD_PRELOAD for other users than this one", path,
                       privileges),
             cure);
    return !for_this_user;
}

/* ---- ELF ---- */

struct elf {
    int file;
    Elf64_Ehdr header;
    Elf64_Phdr headers[HEADERS_AT_MOST];
    int count;
};

static bool read_identity(int file, Elf64_Ehdr *header)
{
    /* Class and machine lie at the same place in 32-bit files, which may be shorter. */
    memset(header, 0, sizeof *header);
    return read_at(file, 0, header, offsetof(Elf64_Ehdr, e_version)) &&
           memcmp(header->e_ident, ELFMAG, SELFMAG) == 0;
}

/* Its runtime, static or not, mounts a file system that is part of the file, and starts AppRun. */
static bool is_appimage(const Elf64_Ehdr *header)
{
    return memcmp(header->e_ident + EI_ABIVERSION, "AI\x02", 3) == 0;
}

static bool read_identity_of(const char *path, Elf64_Ehdr *header)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is_elf = file >= 0 && read_identity(file, header);
    if (file >= 0)
        close(file);
    return is_elf;
}

bool program_is_elf(const char *path)
{
    Elf64_Ehdr header;
    return read_identity_of(path, &header);
}

static const char *kind(const Elf64_Ehdr *header)
{
    const char *bits = header->e_ident[EI_CLASS] == ELFCLASS32   ? "32-bit"
                       : header->e_ident[EI_CLASS] == ELFCLASS64 ? "64-bit"
                                                                 : "of no known word size";
    switch (header->e_machine) {
    case EM_X86_64:
        return xasprintf("%s x86-64", bits);
    case EM_386:
        return xasprintf("%s x86", bits);
    case EM_AARCH64:
        return xasprintf("%s arm64", bits);
    case EM_ARM:
        return xasprintf("%s arm", bits);
    default:
        return xasprintf("%s, ELF machine %u", bits, header->e_machine);
    }
}

static bool is_same_kind(const Elf64_Ehdr *one, const Elf64_Ehdr *other)
{
    return one->e_machine == other->e_machine &&
           one->e_ident[EI_CLASS] == other->e_ident[EI_CLASS] &&
           one->e_ident[EI_DATA] == other->e_ident[EI_DATA];
}

static bool read_headers(struct elf *elf)
{
    if (!read_at(elf->file, 0, &elf->header, sizeof elf->header) ||
        elf->header.e_phentsize != sizeof elf->headers[0] || elf->header.e_phnum > HEADERS_AT_MOST)
        return false;
    elf->count = elf->header.e_phnum;
    return read_at(elf->file, elf->header.e_phoff, elf->headers,
                   (size_t)elf->count * sizeof elf->headers[0]);
}

static const Elf64_Phdr *find_header(const struct elf *elf, uint32_t type)
{
    for (int i = 0; i < elf->count; i++)
        if (elf->headers[i].p_type == type)
            return &elf->headers[i];
    return NULL;
}

/* The loader that the kernel starts in its place; NULL: none, the program is static. */
static const char *loader_of(const struct elf *elf)
{
    static char path[LOADER_LENGTH];
    const Elf64_Phdr *header = find_header(elf, PT_INTERP);
    if (header == NULL)
        return NULL;
    if (header->p_filesz < 2 || header->p_filesz > sizeof path ||
        !read_at(elf->file, header->p_offset, path, header->p_filesz))
        return "";
    path[header->p_filesz - 1] = '\0';
    return path;
}

bool program_is_static(const char *path)
{
    struct elf elf = {.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    bool is_static = elf.file >= 0 && read_identity(elf.file, &elf.header) &&
                     !is_appimage(&elf.header) && read_headers(&elf) && loader_of(&elf) == NULL;
    if (elf.file >= 0)
        close(elf.file);
    return is_static;
}

static bool notes_name_go(const char *notes, size_t length)
{
    const size_t align = 4;
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) + align <= length;) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        if (note.n_namesz == sizeof "Go" + 1 && memcmp(notes + at + sizeof note, "Go\0", 4) == 0)
            return true;
        if (note.n_namesz > length || note.n_descsz > length)
            return false;
        at += sizeof note + (note.n_namesz + align - 1) / align * align +
              (note.n_descsz + align - 1) / align * align;
    }
    return false;
}

/* Go's linker leaves a note with the owner "Go", its build id, also in stripped files. */
static bool is_go(const struct elf *elf)
{
    static char notes[NOTES_LENGTH];
    for (int i = 0; i < elf->count; i++) {
        const Elf64_Phdr *header = &elf->headers[i];
        size_t length = header->p_filesz < sizeof notes ? header->p_filesz : sizeof notes;
        if (header->p_type == PT_NOTE && read_at(elf->file, header->p_offset, notes, length) &&
            notes_name_go(notes, length))
            return true;
    }
    return false;
}

/* ---- the dynamic section ---- */

/* Where the file has what the program has at this address. */
static bool offset_of(const struct elf *elf, uint64_t address, uint64_t *offset)
{
    for (int i = 0; i < elf->count; i++) {
        const Elf64_Phdr *header = &elf->headers[i];
        if (header->p_type != PT_LOAD || address < header->p_vaddr ||
            address - header->p_vaddr >= header->p_filesz)
            continue;
        *offset = header->p_offset + (address - header->p_vaddr);
        return true;
    }
    return false;
}

/* Of the dynamic section; 0: there is no such entry. */
static uint64_t dynamic_value(const struct elf *elf, int64_t tag)
{
    const Elf64_Phdr *header = find_header(elf, PT_DYNAMIC);
    Elf64_Dyn entry = {.d_tag = DT_NULL};
    uint64_t end = header != NULL ? header->p_filesz : 0;
    for (uint64_t at = 0; at + sizeof entry <= end; at += sizeof entry) {
        if (!read_at(elf->file, header->p_offset + at, &entry, sizeof entry) ||
            entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == tag)
            return entry.d_un.d_val;
    }
    return 0;
}

/* The names of what it needs, libraries and functions, one behind the other. NULL: none. */
static char *needed_names(const struct elf *elf, size_t *length)
{
    enum { LENGTH_AT_MOST = 16 << 20 };
    uint64_t offset = 0, size = dynamic_value(elf, DT_STRSZ);
    if (size == 0 || size > LENGTH_AT_MOST ||
        !offset_of(elf, dynamic_value(elf, DT_STRTAB), &offset))
        return NULL;
    char *names = calloc(size + 1, 1); /* ends with NUL, whatever the file holds */
    if (names == NULL)
        abort();
    *length = read_at(elf->file, offset, names, size) ? size : 0;
    return names;
}

static bool is_part_of_libc(const char *library)
{
    static const char *const parts[] = {"libc.so", "libpthread.so", "libdl.so",  "libresolv.so",
                                        "libm.so", "librt.so",      "libc.musl", "ld-"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (starts_with(library, parts[i]))
            return true;
    return false;
}

/* Go's runtime with cgo takes threads and the resolver from libc, but never connect; so a Go
 * program that imports that has a C client in it, as one has that needs another library. */
static bool connects_through_libc(const struct elf *elf)
{
    size_t length = 0;
    bool found = false;
    char *names = needed_names(elf, &length);
    for (const char *at = names; names != NULL && at < names + length; at += strlen(at) + 1)
        found = found || strcmp(at, "connect") == 0 ||
                (strstr(at, ".so") != NULL && !is_part_of_libc(at));
    free(names);
    return found;
}

static enum libc libc_of(const char *loader)
{
    const char *name = base_name(loader);
    if (strncmp(name, "ld-musl-", strlen("ld-musl-")) == 0)
        return MUSL;
    return strncmp(name, "ld-linux", strlen("ld-linux")) == 0 ? GLIBC : NO_LIBC;
}

static enum libc judge_loader(const char *about, const char *path, const struct elf *elf)
{
    const char *loader = loader_of(elf);
    if (loader == NULL) {
        bool is_pie = find_header(elf, PT_DYNAMIC) != NULL;
        fail(about,
             xasprintf("%s is linked statically%s: no loader, so nothing is preloaded", path,
                       is_pie ? " (static-pie)" : ""),
             "use a dynamically linked build; what it only starts is guarded: check that command");
        return NO_LIBC;
    }
    enum libc libc = libc_of(loader);
    const char *name = libc == MUSL ? "musl" : "glibc";
    if (libc == NO_LIBC) {
        fail(about, xasprintf("%s: its loader is \"%s\", neither glibc's nor musl's", path, loader),
             "use a build for glibc or musl");
        return NO_LIBC;
    }
    if (access(loader, F_OK) == 0 && access(loader, X_OK) != 0) {
        fail(about,
             xasprintf("%s: its loader %s may not be executed: %s", path, loader, strerror(errno)),
             "systemd: add its directory to ExecPaths=; else look for a mount with noexec");
        return NO_LIBC;
    }
    if (access(loader, X_OK) != 0) {
        fail(about, xasprintf("%s: its loader %s is missing", path, loader),
             xasprintf("install %s", name));
        return NO_LIBC;
    }
    ok(about, xasprintf("%s is %s, linked dynamically with %s", path, kind(&elf->header), name));
    return libc;
}

static enum libc judge_elf(const char *about, const char *path, const struct elf *elf)
{
    if (!is_go(elf))
        return judge_loader(about, path, elf);
    if (connects_through_libc(elf)) {
        warn(about,
             xasprintf(
                 "%s is a Go program with C libraries: their connections are guarded, those of "
                 "Go's own net package are not",
                 path),
             "see which of them its Redis client is");
        return judge_loader(about, path, elf);
    }
    fail(about, xasprintf("%s is a Go program: it makes its own system calls, unseen", path),
         "set keepalive in its Redis client; Go does not fork");
    return NO_LIBC;
}

enum libc program_libc(const char *path, const char *library)
{
    const char *about = base_name(path);
    enum libc libc = NO_LIBC;
    Elf64_Ehdr ours;
    struct elf elf = {.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (elf.file < 0)
        fail(about,
             xasprintf("%s may be executed but not read: it cannot be told what it is", path),
             "check as a user who may read it");
    else if (!read_identity(elf.file, &elf.header))
        fail(about, xasprintf("%s is no ELF file", path), "check what it starts");
    else if (is_appimage(&elf.header))
        warn(about, xasprintf("%s is an AppImage: the program that it starts lies inside it", path),
             "take it out with --appimage-extract, and check that program");
    else if (!read_identity_of(library, &ours))
        fail("library", xasprintf("%s is no ELF file", library), "install it again");
    else if (!is_same_kind(&elf.header, &ours))
        fail(about, xasprintf("%s is %s, the library %s", path, kind(&elf.header), kind(&ours)),
             "use a build of the library for that machine");
    else if (!read_headers(&elf))
        fail(about, xasprintf("%s is a damaged ELF file", path), "install it again");
    else
        libc = judge_elf(about, path, &elf);
    if (elf.file >= 0)
        close(elf.file);
    return libc;
}
