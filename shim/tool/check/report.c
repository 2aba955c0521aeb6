/*
 * report.c: see report.h. Writes to standard output and nowhere else.
 */
#include "check/report.h"

#include <stdio.h>

#include "common/print.h"

static bool json, failed;
static int findings;

/* ---- findings ---- */

void report_begin(bool as_json, char *const command[])
{
    json = as_json;
    if (!json)
        return;
    fputs("{\"command\": [", stdout);
    for (int i = 0; command[i] != NULL; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        print_json(command[i]);
    }
    fputs("], \"findings\": [", stdout);
}

static void print_pair(const char *name, const char *value)
{
    printf("\"%s\": ", name);
    print_json(value);
}

static void print_object(const char *level, const char *subject, const char *message,
                         const char *hint)
{
    fputs(findings > 0 ? ",\n  {" : "\n  {", stdout);
    print_pair("level", level);
    fputs(", ", stdout);
    print_pair("subject", subject);
    fputs(", ", stdout);
    print_pair("message", message);
    if (hint != NULL) {
        fputs(", ", stdout);
        print_pair("hint", hint);
    }
    putchar('}');
}

static void print_line(const char *level, const char *subject, const char *message,
                       const char *hint)
{
    printf("%-4s  ", level);
    print_escaped(subject);
    fputs(": ", stdout);
    print_escaped(message);
    if (hint != NULL) {
        fputs("; ", stdout);
        print_escaped(hint);
    }
    putchar('\n');
}

static void finding(const char *level, const char *subject, const char *message, const char *hint)
{
    (json ? print_object : print_line)(level, subject, message, hint);
    findings++;
}

void ok(const char *subject, const char *message)
{
    finding("ok", subject, message, NULL);
}

void warn(const char *subject, const char *message, const char *hint)
{
    finding("warn", subject, message, hint);
}

void fail(const char *subject, const char *message, const char *hint)
{
    finding("fail", subject, message, hint);
    failed = true;
}

bool report_has_failed(void)
{
    return failed;
}

void report_end(void)
{
    if (json)
        printf("\n], \"result\": %s}\n", failed ? "false" : "true");
}
