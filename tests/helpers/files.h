/*
 * files.h: the words and files of a test, for unit and system tests alike. A step that goes wrong
 * ends the process with a line on standard error, which fails the test, in a child of it too. No
 * memory is ever freed: Criterion runs each test in a process of its own.
 */
#ifndef REDISGUARD_TESTS_FILES_H
#define REDISGUARD_TESTS_FILES_H

/* A list of words that ends with NULL: arguments, or NAME=value. */
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* printf into memory of its own. */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* All that comes out of a descriptor, which is then closed; all of a file. */
char *read_to_the_end(int fd);
char *content_of(const char *path);

/* A directory of this test's own; its path holds no symbolic link. It is removed when the test has
 * ended in whichever way (reaper.c). */
const char *scratch_directory(void);

#endif
