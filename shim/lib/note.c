/*
 * note.c: the version, where it can be read from the memory of a process that has loaded us; see
 * note.h. Nobody calls it.
 */
#include "note.h"

#include <stdint.h>

#include "redisguard.h"

/* As elf(5) lays it out: each part begins at a multiple of four bytes. */
struct version_note {
    uint32_t owner_size, version_size, type;
    _Alignas(4) char owner[sizeof NOTE_OWNER];
    _Alignas(4) char version[sizeof REDISGUARD_VERSION];
};

__attribute__((section(".note." NOTE_OWNER), aligned(4),
               used)) static const struct version_note note = {
    .owner_size = sizeof NOTE_OWNER,
    .version_size = sizeof REDISGUARD_VERSION,
    .type = NOTE_VERSION,
    .owner = NOTE_OWNER,
    .version = REDISGUARD_VERSION,
};
