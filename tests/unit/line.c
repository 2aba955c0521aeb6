/*
 * line.c: the tests of shim/lib/line.c. Oracles: strftime(3), inet_ntop(3), printf(3).
 */
#include "line.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "unit.h"

TestSuite(line, .timeout = 20);

static const char *text_of(struct line *line)
{
    line->text[line->length] = '\0'; /* there is always room: the newline's */
    return line->text;
}

static void expect_timestamp(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm broken_down;
    char expected[64];
    struct line line = {.length = 0};
    strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &broken_down));
    line_timestamp(&line, seconds);
    cr_assert_str_eq(text_of(&line), expected, "%" PRId64, seconds);
}

Test(line, timestamp_is_what_strftime_makes_of_every_day_from_1970_to_2500)
{
    for (int64_t day = 0; day < INT64_C(530) * 365; day++) {
        expect_timestamp(day * 86400);
        expect_timestamp(day * 86400 + day * 7919 % 86400);
        expect_timestamp(day * 86400 + 86399);
    }
}

Test(line, timestamp_passes_end_of_32_bit_time)
{
    for (int64_t seconds = INT32_MAX - INT64_C(2); seconds <= INT32_MAX + INT64_C(2); seconds++)
        expect_timestamp(seconds);
    expect_timestamp(UINT32_MAX);
    expect_timestamp(UINT32_MAX + INT64_C(1));
}

Test(line, timestamp_of_clock_before_1970_stays_in_range)
{
    struct line line = {.length = 0};
    line_timestamp(&line, -1);
    cr_assert_str_eq(text_of(&line), "1970-01-01T00:00:00Z");
}

/* printf is the oracle: the same format, the same text. */
#define EXPECT_AS_PRINTF(...)                                                                      \
    do {                                                                                           \
        struct line line = {.length = 0};                                                          \
        line_format(&line, __VA_ARGS__);                                                           \
        cr_expect_str_eq(text_of(&line), text(__VA_ARGS__));                                       \
    } while (0)

Test(line, number_is_written_as_printf_writes_it)
{
    const int64_t numbers[] = {0,         1,         -1,        9,         10,           -10,
                               INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        EXPECT_AS_PRINTF("%jd", (intmax_t)numbers[i]);
        EXPECT_AS_PRINTF("%d and %u.", (int)numbers[i], (unsigned)numbers[i]);
        EXPECT_AS_PRINTF("%.2u and %.23u", (unsigned)numbers[i], (unsigned)numbers[i]);
    }
}

Test(line, format_is_written_as_printf_writes_it)
{
    EXPECT_AS_PRINTF("nothing to replace");
    EXPECT_AS_PRINTF("100%%, %s%s, %d%d", "", "two", 3, -4);
    EXPECT_AS_PRINTF("%.3s|%.3s|%.60s|%.0s|", "abcd", "ab", "abc", "abc");
    EXPECT_AS_PRINTF("%.*s|%.*s|%.*s|%s", 0, "abc", 2, "abc", 7, "abc", "end");
    EXPECT_AS_PRINTF("%jd, %d, %s: %u", INTMAX_MAX, 1, "one", 1U);
}

Test(line, ipv4_address_is_written_as_inet_ntop_writes_it)
{
    const unsigned char addresses[][4] = {
        {0, 0, 0, 0}, {127, 0, 0, 1}, {255, 255, 255, 255}, {1, 22, 133, 9}};
    for (size_t i = 0; i < COUNT(addresses); i++) {
        char expected[INET_ADDRSTRLEN];
        struct line line = {.length = 0};
        line_ipv4(&line, addresses[i]);
        cr_assert_str_eq(text_of(&line),
                         inet_ntop(AF_INET, addresses[i], expected, sizeof expected));
    }
}

/* inet_ntop writes the end of some addresses as IPv4: those are only read back. */
static void expect_ipv6(const unsigned char address[16])
{
    char expected[INET6_ADDRSTRLEN];
    unsigned char back[16];
    struct line line = {.length = 0};
    inet_ntop(AF_INET6, address, expected, sizeof expected);
    line_ipv6(&line, address);
    if (strchr(expected, '.') == NULL) {
        cr_assert_str_eq(text_of(&line), text("[%s]", expected));
        return;
    }
    char *inside = text("%.*s", (int)line.length - 2, line.text + 1);
    cr_assert_eq(inet_pton(AF_INET6, inside, back), 1, "%s for %s", inside, expected);
    cr_assert_arr_eq(back, address, 16, "%s for %s", inside, expected);
}

Test(line, ipv6_zero_groups_are_written_as_inet_ntop_writes_them)
{
    for (unsigned zeros = 0; zeros < 256; zeros++) {
        unsigned char address[16] = {0};
        for (unsigned group = 0; group < 8; group++)
            if ((zeros >> group & 1) == 0)
                address[2 * group + group % 2] = (unsigned char)(group + 9);
        expect_ipv6(address);
    }
}

Test(line, random_ipv6_address_is_written_as_inet_ntop_writes_it)
{
    unsigned short seed[3] = {6379, 6380, 26379}; /* always the same addresses */
    for (int i = 0; i < 20000; i++) {
        unsigned char address[16];
        for (int byte = 0; byte < 16; byte++) {
            long dice = nrand48(seed);
            address[byte] = dice % 3 == 0 ? 0 : (unsigned char)(dice >> 8);
        }
        expect_ipv6(address);
    }
}

static void expect_shown(const char *given, const char *shown)
{
    struct line line = {.length = 0};
    line_format(&line, "<%s>", given);
    cr_expect_str_eq(text_of(&line), text("<%s>", shown), "%s", text_of(&line));
}

Test(line, every_byte_that_is_no_printable_ascii_character_is_escaped_alone)
{
    for (int c = 1; c < 256; c++) {
        bool printable = c >= 32 && c < 127;
        char *shown = c == '\\'   ? text("a\\\\b")
                      : printable ? text("a%cb", c)
                                  : text("a\\x%02xb", (unsigned)c);
        expect_shown(text("a%cb", c), shown);
    }
}

Test(line, utf8_is_shown_as_it_is)
{
    const char *const texts[] = {"\u00a0",     "\u00fc",
                                 "\u07ff",     "\u0800",
                                 "\ud7ff",     "\ue000",
                                 "\uffff",     "\U00010000",
                                 "\U0010ffff", "\u2027",
                                 "\u202f",     "\u2065",
                                 "\u206a",     "/srv/\u65e5\u672c/log"};
    for (size_t i = 0; i < COUNT(texts); i++)
        expect_shown(texts[i], texts[i]);
}

/* RFC 3629, and what Markus Kuhn's decoder stress test has. */
Test(line, what_is_no_utf8_is_escaped_byte_by_byte)
{
    const char *const cases[][2] = {
        {"\xc0\x80", "\\xc0\\x80"}, /* overlong */
        {"\xc1\xbf", "\\xc1\\xbf"},
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},
        {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"\xe2\x82", "\\xe2\\x82"},                   /* cut short */
        {"\xe2\x82z\xc3", "\\xe2\\x82z\\xc3"},
        {"\xf0\x90\x80"
         "\xc3\xbc",
         "\\xf0\\x90\\x80\xc3\xbc"},
        {"\xff\xfe", "\\xff\\xfe"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_shown(cases[i][0], cases[i][1]);
}

Test(line, line_ends_controls_and_bidi_characters_are_escaped)
{
    // NOLINTBEGIN(misc-misleading-bidirectional): this is what it is about
    const char *const cases[][2] = {
        {"\xc2\x80", "\\xc2\\x80"},    {"\xc2\x9b", "\\xc2\\x9b"},
        {"\xc2\x9f", "\\xc2\\x9f"},    {"\u2028", "\\xe2\\x80\\xa8"},
        {"\u2029", "\\xe2\\x80\\xa9"}, {"\u202a", "\\xe2\\x80\\xaa"},
        {"\u202e", "\\xe2\\x80\\xae"}, {"\u2066", "\\xe2\\x81\\xa6"},
        {"\u2069", "\\xe2\\x81\\xa9"}, {"a\nb\x1b[2J", "a\\x0ab\\x1b[2J"},
    };
    // NOLINTEND(misc-misleading-bidirectional)
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_shown(cases[i][0], cases[i][1]);
}

Test(line, character_that_precision_cuts_is_escaped)
{
    struct line line = {.length = 0};
    line_format(&line, "%.2s|%.*s", "a\u20ac", 3, "ab\u20ac");
    cr_expect_str_eq(text_of(&line), "a\\xe2|ab\\xe2");
}

Test(line, line_that_grows_too_long_is_cut_and_still_ends_with_one_newline)
{
    const unsigned char address[16] = {0x20, 1, 0xd, 0xb8};
    int capture = open_capture();
    struct line line = {.length = 0};
    for (int i = 0; i < 300; i++) {
        line_format(&line, "redis %jd\"%s\"", (intmax_t)INT64_MIN, "6379");
        line_timestamp(&line, 0);
        line_ipv6(&line, address);
        line_ipv4(&line, address);
    }
    cr_assert_eq(line_write(&line, capture), 0);
    char *written = captured(capture);
    cr_assert_eq(strlen(written), sizeof line.text - 1);
    cr_assert_eq(strchr(written, '\n'), written + sizeof line.text - 2);
    cr_assert_eq(strncmp(written, "redis -9223372036854775808\"6379\"1970-01-01T00:00:00Z", 52), 0);
}

Test(line, line_that_grows_too_long_is_not_cut_within_character)
{
    for (int before = 0; before < 4; before++) {
        struct line line = {.length = 0};
        line_format(&line, "%.*s%s", before, "xxx", repeated("\u20ac", 3000));
        const char *text = text_of(&line);
        size_t tail = strlen(text) - (size_t)before;
        cr_expect_eq(tail % 3, 0);
        cr_expect(strlen(text) + 3 > sizeof line.text - 2);
    }
}
