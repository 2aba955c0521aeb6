/*
 * note.c: the version and the place of the counters, where they can be read from the memory of a
 * process that has loaded us; see note.h. Nobody calls it.
 */
#include "note.h"

#include "counters.h"
#include "redisguard.h"

/* As elf(5) lays it out; each part begins at a multiple of four bytes. In assembly, since C has no
 * constant for the distance of two objects: the linker computes it. */
#define NOTE_OF(type, content)                                                                     \
    __asm__(".pushsection .note." NOTE_OWNER ", \"a\", %note; .balign 4;"                          \
            ".long 1f - 0f, 3f - 2f, " #type "; 0: .asciz \"" NOTE_OWNER "\"; 1:"                  \
            ".balign 4; 2: " content "; 3: .popsection")
#define NOTE(type, content) NOTE_OF(type, content)

NOTE(NOTE_VERSION, ".asciz \"" REDISGUARD_VERSION "\"");
NOTE(NOTE_COUNTERS, ".long redisguard_counters - ., 6");
_Static_assert(COUNTERS == 6, "as the note says");
