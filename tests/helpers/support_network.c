/*
 * The network of one test: a loopback in a namespace of its own, the cable to pull, and the
 * kernel's socket table as ss(8) shows it. Touches nothing outside of that namespace. Called by the
 * system tests.
 */
#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static bool in_private_network;

/* Asked in a child: to try is to do. */
static bool succeeds_in_child(bool (*attempt)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(attempt() ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool enter_network(void)
{
    return unshare(CLONE_NEWNET) == 0;
}

static bool enter_private_mounts(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

bool namespaces_permitted(void)
{
    return succeeds_in_child(enter_network);
}

bool mounts_permitted(void)
{
    return succeeds_in_child(enter_private_mounts);
}

/* A user namespace would give an ordinary user the right, but Criterion's process has two threads,
 * and then unshare(CLONE_NEWUSER) is EINVAL. So whoever starts the tests makes it. */
void enter_private_network(void)
{
    if (!namespaces_permitted())
        cr_skip_test("needs a network namespace: run as root, or under unshare --map-root-user");
    cr_assert(enter_network(), "unshare: %s", strerror(errno));
    in_private_network = true;
    output_of(WORDS("/usr/sbin/ip", "link", "set", "lo", "up"));
}

/* On the way in, not out: there a dropped packet is an error that the sender is told. */
static const char *const cable = "add table inet cable\n"
                                 "add chain inet cable in { type filter hook input priority 0; }\n";

static char *drop(int port)
{
    return text("add rule inet cable in tcp sport %d drop\n"
                "add rule inet cable in tcp dport %d drop\n",
                port, port);
}

void cut_link(const struct server *server)
{
    cr_assert(in_private_network, "cut_link outside of a private network");
    char *rules =
        text("%s%s%s", cable, drop(server->port), server->tls_port ? drop(server->tls_port) : "");
    struct outcome outcome = run_program(WORDS("/usr/sbin/nft", rules), NULL);
    if (strstr(outcome.err, "Operation not supported"))
        cr_skip_test("needs a kernel with nf_tables");
    cr_assert(outcome.status == 0, "nft: %s", outcome.err);
}

void heal_link(void)
{
    cr_assert(in_private_network, "heal_link outside of a private network");
    output_of(WORDS("/usr/sbin/nft", "delete table inet cable"));
}

static char *socket_table(const char *end, int port)
{
    return output_of(WORDS("ss", "-tnoiepHO", "state", "connected", text("%s = :%d", end, port)));
}

char *sockets_to(int port)
{
    return socket_table("dport", port);
}

char *sockets_at(int port)
{
    return socket_table("sport", port);
}
