/*
 * report.c: see report.h. Writes to standard output and nowhere else.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

static bool json, failed;
static int findings;

/* ---- bytes ---- */

/* The length of the UTF-8 character that begins here; 0 where none does (RFC 3629). */
static size_t utf8_length(const unsigned char *at)
{
    static const unsigned first_of_length[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length < 2)
        return length;
    unsigned character = at[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (at[i] & 0x3f);
    }
    bool is_surrogate = character >= 0xd800 && character < 0xe000;
    bool is_valid = character >= first_of_length[length] && character < 0x110000 && !is_surrogate;
    return is_valid ? length : 0;
}

static void print_escaped(unsigned char byte, size_t length)
{
    if (!json)
        printf("\\x%02x", byte);
    else if (length == 0)
        fputs("\\ufffd", stdout); /* JSON knows characters, not bytes */
    else if (byte < 0x20 || byte == 0x7f)
        printf("\\u%04x", byte);
    else
        printf("\\%c", byte);
}

static void print(const char *words)
{
    const unsigned char *at = (const unsigned char *)words;
    while (*at != '\0') {
        size_t length = utf8_length(at);
        bool is_control = *at < 0x20 || *at == 0x7f;
        if (length == 0 || is_control || (json && (*at == '"' || *at == '\\')))
            print_escaped(*at, length);
        else
            printf("%.*s", (int)length, at);
        at += length > 0 ? length : 1;
    }
}

static void print_string(const char *words)
{
    putchar('"');
    print(words);
    putchar('"');
}

/* ---- findings ---- */

void report_begin(bool as_json, char *const command[])
{
    json = as_json;
    if (!json)
        return;
    fputs("{\"command\": [", stdout);
    for (int i = 0; command[i] != NULL; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        print_string(command[i]);
    }
    fputs("], \"findings\": [", stdout);
}

static void print_member(const char *name, const char *value)
{
    printf("\"%s\": ", name);
    print_string(value);
}

static void print_json(const char *level, const char *about, const char *found, const char *cure)
{
    fputs(findings > 0 ? ",\n  {" : "\n  {", stdout);
    print_member("level", level);
    fputs(", ", stdout);
    print_member("about", about);
    fputs(", ", stdout);
    print_member("found", found);
    if (cure != NULL) {
        fputs(", ", stdout);
        print_member("cure", cure);
    }
    putchar('}');
}

static void print_line(const char *level, const char *about, const char *found, const char *cure)
{
    printf("%-4s  ", level);
    print(about);
    fputs(": ", stdout);
    print(found);
    if (cure != NULL) {
        fputs("; ", stdout);
        print(cure);
    }
    putchar('\n');
}

static void finding(const char *level, const char *about, const char *found, const char *cure)
{
    (json ? print_json : print_line)(level, about, found, cure);
    findings++;
}

void ok(const char *about, const char *found)
{
    finding("ok", about, found, NULL);
}

void warn(const char *about, const char *found, const char *cure)
{
    finding("warn", about, found, cure);
}

void fail(const char *about, const char *found, const char *cure)
{
    finding("fail", about, found, cure);
    failed = true;
}

bool report_has_failed(void)
{
    return failed;
}

void report_end(void)
{
    if (json)
        printf("\n], \"works\": %s}\n", failed ? "false" : "true");
}
