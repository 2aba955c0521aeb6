/*
 * print.c: see print.h.
 */
#include "common/print.h"

#include <stdbool.h>
#include <stdio.h>

/* The bytes of any character of UTF-8; 0: there is none here. */
static size_t utf8_length(const unsigned char *at, unsigned *character)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000}; /* of each length */
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    *character = at[0] & (length < 2 ? 0x7fU : 0x7fU >> length);
    if (at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (at[i] & 0x3fU);
    }
    bool is_surrogate = *character >= 0xd800 && *character < 0xe000;
    return *character >= least[length] && *character <= 0x10ffff && !is_surrogate ? length : 0;
}

static bool is_control(unsigned character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

size_t printable_length(const char *text)
{
    unsigned character = 0;
    size_t length = utf8_length((const unsigned char *)text, &character);
    return is_control(character) ? 0 : length;
}

/* The printable text that begins here is written; returns what follows it. */
static const char *print_run(FILE *stream, const char *text)
{
    for (size_t length; *text != '\0' && (length = printable_length(text)) > 0; text += length)
        fwrite(text, 1, length, stream);
    return text;
}

void print_escaped_to(FILE *stream, const char *text)
{
    for (text = print_run(stream, text); *text != '\0'; text = print_run(stream, text + 1))
        fprintf(stream, "\\x%02x", (unsigned char)*text);
}

void print_escaped(const char *text)
{
    print_escaped_to(stdout, text);
}

void print_flat(const char *text)
{
    for (text = print_run(stdout, text); *text != '\0'; text = print_run(stdout, text + 1))
        putchar('?');
}

/* JSON knows characters, not bytes: a byte that is none becomes U+FFFD. */
void print_json(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    putchar('"');
    while (*at != '\0') {
        unsigned character = 0;
        size_t length = utf8_length(at, &character);
        if (length == 0)
            fputs("\\ufffd", stdout);
        else if (is_control(character))
            printf("\\u%04x", character);
        else
            printf("%s%.*s", *at == '"' || *at == '\\' ? "\\" : "", (int)length, (const char *)at);
        at += length > 0 ? length : 1;
    }
    putchar('"');
}
