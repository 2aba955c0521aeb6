/*
 * addresses.c: see addresses.h. Prints names and ports, never a value: it may hold a password.
 */
#include "addresses.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/strings.h"
#include "config.h"
#include "redisguard.h"
#include "report.h"

/* ---- one variable ---- */

/* The port of HOST:PORT, which ends at a slash, a comma or a question mark; 0: none is given. */
static unsigned port_of(const char *address)
{
    size_t length = strcspn(address, "/,?#");
    for (size_t i = 0; i < length; i++)
        if (address[i] == '@') { /* what stood before it was a name and a password */
            address += i + 1;
            length -= i + 1;
            i = (size_t)-1;
        }
    size_t digits = 0;
    while (digits < length && isdigit((unsigned char)address[length - digits - 1]))
        digits++;
    /* An address of IPv6 has a port behind its bracket only. */
    const char *colon = memchr(address, ':', length), *bracket = memchr(address, ']', length);
    bool has_port = digits > 0 && digits < 6 && digits < length &&
                    address + length - digits - 1 == (bracket != NULL ? bracket + 1 : colon) &&
                    address[length - digits - 1] == ':';
    return has_port ? (unsigned)strtoul(address + length - digits, NULL, 10) : 0;
}

/* rediss, redis+ssl, redis-cluster, redis+sentinel and more. */
static bool is_redis_scheme(const char *url)
{
    static const char *const schemes[] = {"redis", "valkey", "keydb", "sentinel"};
    size_t length = strspn(url, "abcdefghijklmnopqrstuvwxyz+-");
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (starts_with(url, schemes[i]) && starts_with(url + length, "://"))
            return true;
    return false;
}

/* Upper or lower case: `spring.redis.port` too. */
static bool names_redis(const char *name)
{
    return strcasestr(name, "redis") != NULL || strcasestr(name, "valkey") != NULL;
}

static bool names_port(const char *name)
{
    size_t length = strlen(name);
    return length >= 4 && strcasecmp(name + length - 4, "port") == 0;
}

static bool is_number(const char *value)
{
    size_t length = strlen(value);
    return length > 0 && length < 6 && strspn(value, "0123456789") == length;
}

/* Does the whole name speak of an address? REDIS_DB=1:2 is none, REDIS_MASTER_PASSWORD neither. */
static bool names_address(const char *name)
{
    static const char *const words[] = {"url",    "uri",  "host",      "addr",     "server",
                                        "node",   "dsn",  "endpoint",  "sentinel", "cluster",
                                        "master", "port", "connection"};
    if (strcasecmp(name, "redis") == 0 || strcasecmp(name, "valkey") == 0)
        return true;
    if (strcasestr(name, "pass") != NULL || strcasestr(name, "secret") != NULL)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasestr(name, words[i]) != NULL)
            return true;
    return false;
}

/* ---- all of them ---- */

static void judge(const struct config *config, const char *name, unsigned port)
{
    const char *ports = getenv(REDISGUARD_PREFIX "PORTS");
    if (port == 0 || config_lists_port(config, port))
        return;
    warn("configuration", xasprintf("%s names port %u, which is not guarded", name, port),
         xasprintf("if that is Redis: --ports %s,%u",
                   ports != NULL ? ports : REDISGUARD_PORTS_DEFAULT, port));
}

/* Each address of a list that is separated by commas. */
static void judge_list(const struct config *config, const char *name, const char *list)
{
    for (const char *at = list; at != NULL && *at != '\0'; at = strchr(at, ',')) {
        at += *at == ',';
        const char *scheme = strstr(at, "://");
        bool is_url = scheme != NULL && scheme < at + strcspn(at, ",");
        judge(config, name, port_of(is_url ? scheme + 3 : at));
    }
}

static void explain(const struct config *config, const char *name, const char *value)
{
    if (starts_with(name, REDISGUARD_PREFIX))
        return;
    if (names_redis(name) && names_port(name) && is_number(value))
        judge(config, name, (unsigned)strtoul(value, NULL, 10));
    else if (is_redis_scheme(value) || (names_redis(name) && names_address(name)))
        judge_list(config, name, value);
}

void addresses_explain(void)
{
    struct config config;
    config_read(&config, environ, -1);
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *value = strchr(*entry, '=');
        if (value != NULL)
            explain(&config, xasprintf("%.*s", (int)(value - *entry), *entry), value + 1);
    }
}
