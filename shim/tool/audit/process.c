/*
 * process.c: what a process is called, and whether it is guarded: has it loaded the library, which
 * version, does its environment say REDISGUARD_DISABLE=1, and what has the library done? Reads
 * /proc/PID, memory included.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "note.h"

enum { MOST_PARTS = 64 }; /* that an honest library has */

static int open_of(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void read_name(struct process *process)
{
    int file = open_of(process->pid, "comm");
    ssize_t length = file < 0 ? 0 : read(file, process->name, sizeof process->name - 1);
    if (file >= 0)
        close(file);
    if (length > 0 && process->name[length - 1] == '\n')
        process->name[length - 1] = '\0';
}

/* The environment that the program was started with, which is what the library has read. */
static bool is_disabled(pid_t pid)
{
    static const char variable[] = REDISGUARD_PREFIX "DISABLE=";
    char *entry = NULL;
    size_t size = 0;
    bool found = false;
    bool disabled = false;
    int file = open_of(pid, "environ");
    FILE *environment = file < 0 ? NULL : fdopen(file, "r");
    if (environment == NULL)
        return false;
    while (!found && getdelim(&entry, &size, '\0', environment) > 0) {
        found = strncmp(entry, variable, sizeof variable - 1) == 0;
        disabled = found && strcmp(entry + sizeof variable - 1, "1") == 0;
    }
    free(entry);
    fclose(environment);
    return disabled;
}

/* Is this line of maps(5) the beginning of the library? Renamed files are not known any more. */
static bool begins_library(const char *line, uint64_t *address)
{
    unsigned long long begin = 0;
    unsigned long long offset = 1;
    const char *path = strchr(line, '/');
    if (path == NULL || sscanf(line, "%llx-%*x %*s %llx", &begin, &offset) != 2 || offset != 0)
        return false;
    const char *deleted = strstr(path, " (deleted)");
    const char *end = deleted != NULL ? deleted : path + strlen(path);
    const char *name = memrchr(path, '/', (size_t)(end - path));
    *address = begin;
    return strncmp(name + 1, "libredisguard", strlen("libredisguard")) == 0;
}

/* Where in its memory the library begins; 0: not loaded. */
static uint64_t find_library(FILE *maps)
{
    char *line = NULL;
    size_t size = 0;
    uint64_t address = 0;
    bool found = false;
    while (!found && getline(&line, &size, maps) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = strstr(line, "libredisguard") != NULL && begins_library(line, &address);
    }
    free(line);
    return found ? address : 0;
}

static bool read_memory(int memory, uint64_t address, void *into, size_t size)
{
    return pread(memory, into, size, (off_t)address) == (ssize_t)size;
}

/* What the note of a process says may be anything, and goes into tables, JSON and labels. */
static void read_version(const char *text, size_t size, struct process *process)
{
    snprintf(process->version, sizeof process->version, "%.*s", (int)size, text);
    for (char *c = process->version; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '\\')
            *c = '?';
}

/* A later version may count more. `place`: of the note's content, in its memory. */
static void read_counters(int memory, uint64_t place, const char *content, size_t size,
                          struct process *process)
{
    int32_t distance = 0;
    uint32_t count = 0;
    uint32_t values[COUNTERS];
    if (size < sizeof distance + sizeof count)
        return;
    memcpy(&distance, content, sizeof distance);
    memcpy(&count, content + sizeof distance, sizeof count);
    if (count > COUNTERS)
        count = COUNTERS;
    process->has_counters =
        read_memory(memory, place + (uint64_t)(int64_t)distance, values, count * sizeof values[0]);
    for (uint32_t i = 0; i < count && process->has_counters; i++)
        process->counters[i] = values[i];
}

/* Those of them that are ours, see note.h. `place`: of `notes`, in its memory. */
static void read_notes(int memory, uint64_t place, const char *notes, size_t size,
                       struct process *process)
{
    Elf64_Nhdr note;
    for (size_t at = 0; at + sizeof note <= size;) {
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note;
        size_t content = name + ((size_t)note.n_namesz + 3) / 4 * 4;
        size_t end = content + note.n_descsz;
        if (end > size)
            return;
        bool ours = note.n_namesz == sizeof NOTE_OWNER &&
                    memcmp(notes + name, NOTE_OWNER, sizeof NOTE_OWNER) == 0;
        if (ours && note.n_type == NOTE_VERSION)
            read_version(notes + content, note.n_descsz, process);
        if (ours && note.n_type == NOTE_COUNTERS)
            read_counters(memory, place + content, notes + content, note.n_descsz, process);
        at = (end + 3) / 4 * 4;
    }
}

/* From its memory: the file that it was loaded from may have been replaced since. */
static void read_library(struct process *process, uint64_t library)
{
    Elf64_Ehdr header = {.e_phnum = 0};
    int memory = open_of(process->pid, "mem");
    if (memory < 0)
        return;
    if (read_memory(memory, library, &header, sizeof header) &&
        memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_phnum <= MOST_PARTS)
        for (unsigned i = 0; i < header.e_phnum; i++) {
            Elf64_Phdr part = {.p_type = PT_NULL};
            char notes[1024];
            if (read_memory(memory, library + header.e_phoff + i * sizeof part, &part,
                            sizeof part) &&
                part.p_type == PT_NOTE && part.p_filesz <= sizeof notes &&
                read_memory(memory, library + part.p_vaddr, notes, part.p_filesz))
                read_notes(memory, library + part.p_vaddr, notes, part.p_filesz, process);
        }
    close(memory);
}

/* Only what has loaded the library and holds no connection is asked. */
static bool is_outside(const struct audit *audit, pid_t pid)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    if (stat(path, &status) != 0)
        return true;
    for (size_t i = 0; i < audit->network_count; i++)
        if (audit->networks[i].namespace.inode == status.st_ino)
            return false;
    return true;
}

/* What may never come back comes last: the rest is known then. */
void process_describe(struct audit *audit, struct process *process)
{
    int file = open_of(process->pid, "maps");
    FILE *maps = file < 0 ? NULL : fdopen(file, "r");
    if (process->holder_count > 0)
        read_name(process);
    if (maps == NULL)
        return;
    uint64_t library = find_library(maps);
    process->guard = library != 0 ? GUARD_ON : ferror(maps) ? GUARD_UNKNOWN : GUARD_OFF;
    fclose(maps);
    if (library == 0)
        return;
    read_name(process);
    process->is_outside = process->held == 0 && is_outside(audit, process->pid);
    if (process->is_outside)
        return;
    if (is_disabled(process->pid))
        process->guard = GUARD_DISABLED;
    read_library(process, library);
}
