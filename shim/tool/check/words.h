/*
 * words.h: strings. redisguard-check lives for a moment and frees none of them.
 */
#ifndef REDISGUARD_CHECK_WORDS_H
#define REDISGUARD_CHECK_WORDS_H

/* printf into memory of its own. */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What follows the last slash. */
const char *base_name(const char *path);

/* Cuts off what surrounds a word: blanks and a newline. */
char *trimmed(char *words);

#endif
