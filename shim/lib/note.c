/*
 * note.c: the version and the place of the counters, where they can be read from the memory of a
 * process that has loaded us; see note.h. Nobody calls it.
 */
#include "note.h"

#include <stdint.h>

#include "counters.h"
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

/* C has no constant for the distance of two objects: the linker computes it. */
#define TEXT_OF(number) TEXT(number)
#define TEXT(number)    #number
_Static_assert(sizeof NOTE_OWNER == 11 && COUNTERS == 6, "as below");
__asm__(".pushsection .note." NOTE_OWNER ", \"a\", %note\n"
        ".balign 4\n"
        ".long 11, 8, " TEXT_OF(NOTE_COUNTERS) "\n"
                                               ".asciz \"" NOTE_OWNER "\"\n"
                                               ".balign 4\n"
                                               ".long redisguard_counters - .\n"
                                               ".long 6\n"
                                               ".popsection");
