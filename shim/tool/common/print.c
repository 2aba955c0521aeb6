/*
 * print.c: see print.h. What a character is, and how one is shown, the library knows.
 */
#include "common/print.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "line.h"
#include "utf8.h"

void print_escaped_to(FILE *stream, const char *text)
{
    while (*text != '\0') {
        char shown[UTF8_SHOWN];
        size_t length = 0;
        text += utf8_show(text, SIZE_MAX, shown, &length);
        fwrite(shown, 1, length, stream);
    }
}

void print_escaped(const char *text)
{
    print_escaped_to(stdout, text);
}

void print_flat(const char *text)
{
    for (size_t length; *text != '\0'; text += length > 0 ? length : 1) {
        length = utf8_length(text, SIZE_MAX);
        if (length > 0 && !utf8_is_control(text, length))
            fwrite(text, 1, length, stdout);
        else
            printf("%.*s", length > 0 ? (int)length : 1, "????");
    }
}

static unsigned code_point(const char *text, size_t length)
{
    unsigned code = (unsigned char)text[0] & (length == 1 ? 0x7fU : 0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3fU);
    return code;
}

/* JSON knows characters, not bytes: a byte that is none becomes U+FFFD. */
void print_json(const char *text)
{
    putchar('"');
    for (size_t length; *text != '\0'; text += length > 0 ? length : 1) {
        length = utf8_length(text, SIZE_MAX);
        if (length == 0)
            fputs("\\ufffd", stdout);
        else if (utf8_is_control(text, length))
            printf("\\u%04x", code_point(text, length));
        else
            printf("%s%.*s", *text == '"' || *text == '\\' ? "\\" : "", (int)length, text);
    }
    putchar('"');
}

void print_now(void)
{
    struct line now = {.length = 0};
    line_timestamp(&now, time(NULL));
    printf("\"%.*s\"", (int)now.length, now.text);
}
