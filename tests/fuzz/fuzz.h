/*
 * fuzz.h: what the fuzz targets share: the statement that must hold for every input, and a copy of
 * some bytes that ends where readable memory does. Called by the targets beside it alone.
 */
#ifndef REDISGUARD_TESTS_FUZZ_H
#define REDISGUARD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where it does not hold libFuzzer keeps the input as a file and prints its name. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* What libFuzzer calls, once and for each input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as long as asked, for AddressSanitizer to watch both ends; free it. */
static inline char *copy_of(const void *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    MUST(copy != NULL);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

/* With a NUL behind it. */
static inline char *string_of(const void *bytes, size_t length)
{
    char *string = calloc(1, length + 1);
    MUST(string != NULL);
    if (length > 0)
        memcpy(string, bytes, length);
    return string;
}

#endif
