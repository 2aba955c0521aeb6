/*
 * child_tls PORT CA: talks to Redis over TLS with OpenSSL, forks, and lets the child end in the
 * cleanest way there is: SSL_shutdown, which sends the server the parent's own goodbye. Tells
 * whether the parent's next command is answered.
 */
#include "child_tools.h"

#include <openssl/ssl.h>

static SSL *secure(int fd, const char *authority)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (SSL_CTX_load_verify_locations(context, authority, NULL) != 1)
        die("SSL_CTX_load_verify_locations");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) != 1)
        die("SSL_connect");
    return tls;
}

static void ask_client_id(SSL *tls, const char *who)
{
    static char first[32];
    char reply[32] = "nothing";
    if (SSL_write(tls, "CLIENT ID\r\n", 11) == 11) {
        int length = SSL_read(tls, reply, sizeof reply - 1);
        reply[length < 0 ? 0 : length] = '\0';
    }
    if (first[0] == '\0')
        strcpy(first, reply);
    dprintf(1, "%s: %s\n", who,
            reply[0] == ':' && strcmp(reply, first) == 0 ? "same client" : "lost");
}

int main(int argc, char *argv[])
{
    (void)argc;
    signal(SIGPIPE, SIG_IGN);
    SSL *tls = secure(connect_socket(atoi(argv[1]), 0), argv[2]);
    ask_client_id(tls, "parent");
    pid_t child = fork();
    if (child == 0) {
        SSL_shutdown(tls);
        SSL_free(tls);
        exit(0);
    }
    wait_for(child);
    ask_client_id(tls, "parent");
    child = fork();
    if (child == 0) {
        ask_client_id(tls, "child");
        exit(0);
    }
    wait_for(child);
    ask_client_id(tls, "parent");
    return 0;
}
