/*
 * note.h: the ELF notes by which a library that is loaded tells its version and where its counters
 * lie, to whoever reads the memory of its process: the file itself may have been replaced since.
 * note.c writes them, redisguard --audit reads them.
 */
#ifndef NOTE_H
#define NOTE_H

#define NOTE_OWNER    "redisguard"
#define NOTE_VERSION  1 /* text */
#define NOTE_COUNTERS 2 /* int32_t: how far behind itself they begin; uint32_t: how many */

#endif
