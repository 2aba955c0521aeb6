/*
 * note.h: the ELF note by which a library that is loaded tells its version, to whoever reads the
 * memory of its process: the file itself may have been replaced since. note.c writes it,
 * redisguard --audit reads it.
 */
#ifndef NOTE_H
#define NOTE_H

#define NOTE_OWNER   "redisguard"
#define NOTE_VERSION 1

#endif
