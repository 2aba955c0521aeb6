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

Test(line, a_timestamp_is_what_strftime_makes_of_every_day_from_1970_to_2500)
{
    for (int64_t day = 0; day < INT64_C(530) * 365; day++) {
        expect_timestamp(day * 86400);
        expect_timestamp(day * 86400 + day * 7919 % 86400);
        expect_timestamp(day * 86400 + 86399);
    }
}

Test(line, a_timestamp_passes_the_end_of_32_bit_time)
{
    for (int64_t seconds = INT32_MAX - INT64_C(2); seconds <= INT32_MAX + INT64_C(2); seconds++)
        expect_timestamp(seconds);
    expect_timestamp(UINT32_MAX);
    expect_timestamp(UINT32_MAX + INT64_C(1));
}

Test(line, a_timestamp_of_a_clock_before_1970_stays_in_range)
{
    struct line line = {.length = 0};
    line_timestamp(&line, -1);
    cr_assert_str_eq(text_of(&line), "1970-01-01T00:00:00Z");
}

Test(line, a_number_is_written_as_printf_writes_it)
{
    const int64_t numbers[] = {0,         1,         -1,        9,         10,           -10,
                               INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct line line = {.length = 0};
        line_number(&line, numbers[i]);
        cr_assert_str_eq(text_of(&line), text("%" PRId64, numbers[i]));
    }
}

Test(line, an_ipv4_address_is_written_as_inet_ntop_writes_it)
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

Test(line, an_ipv6_address_with_any_groups_of_zero_is_written_as_inet_ntop_writes_it)
{
    for (unsigned zeros = 0; zeros < 256; zeros++) {
        unsigned char address[16] = {0};
        for (unsigned group = 0; group < 8; group++)
            if ((zeros >> group & 1) == 0)
                address[2 * group + group % 2] = (unsigned char)(group + 9);
        expect_ipv6(address);
    }
}

Test(line, a_random_ipv6_address_is_written_as_inet_ntop_writes_it)
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

Test(line, a_quoted_value_is_shortened_behind_sixty_bytes)
{
    char *sixty = text("%060d", 1);
    const char *const cases[][2] = {
        {"", "\"\""},
        {"6379", "\"6379\""},
        {sixty, text("\"%s\"", sixty)},
        {text("%s2", sixty), text("\"%s...\"", sixty)},
        {text("%s%0100000d", sixty, 2), text("\"%s...\"", sixty)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line line = {.length = 0};
        line_quoted(&line, cases[i][0]);
        cr_assert_str_eq(text_of(&line), cases[i][1]);
    }
}

Test(line, a_quoted_value_shows_no_control_character)
{
    for (int c = 1; c < 256; c++) {
        struct line line = {.length = 0};
        bool control = c < 32 || c == 127;
        line_quoted(&line, text("a%cb", c));
        cr_assert_str_eq(text_of(&line), text("\"a%cb\"", control ? '?' : c), "byte %d", c);
    }
}

Test(line, a_line_that_grows_too_long_is_cut_and_still_ends_with_one_newline)
{
    const unsigned char address[16] = {0x20, 1, 0xd, 0xb8};
    int capture = open_capture();
    struct line line = {.length = 0};
    for (int i = 0; i < 300; i++) {
        line_text(&line, "redis ");
        line_number(&line, INT64_MIN);
        line_quoted(&line, "6379");
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
