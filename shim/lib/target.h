/*
 * target.h: is this address a Redis endpoint? The only file that reads a struct sockaddr.
 *
 * Called by the connect hook before the real connect, and by whoever logs a peer's name.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* What is remembered of a peer: enough to name it in a log, small enough to keep for each socket.
 */
struct endpoint {
    uint16_t family; /* AF_INET, AF_INET6 or AF_UNIX; v4-mapped counts as AF_INET */
    uint16_t port;   /* host order; 0 for AF_UNIX */
    uint8_t address[16];
    uint32_t scope; /* sin6_scope_id of a link-local address, else 0 */
};

/*
 * Does this address, as given to connect(2), name one of PORTS or match one of UNIX? The pointer
 * is the program's and may be bad: then the answer is no, and the real connect says EFAULT. Where
 * it could be read, endpoint->family is the address's also if the answer is no.
 */
bool target_is_redis(const struct sockaddr *peer, socklen_t length, struct endpoint *endpoint);

/* Is it a Unix-domain stream socket, neither connected nor listening? */
bool target_is_unused_unix(int fd);

/* Is the descriptor a stream socket? Redis is spoken over nothing else. */
bool target_is_stream(int fd);

struct target_name {
    char text[112];
};

/* The peer's name: 127.0.0.1:6379, [::1]:6379 or a path, which is asked of the descriptor. */
void target_name(struct target_name *name, const struct endpoint *endpoint, int fd);

/* The local address of a TCP socket, also of one whose connection has died. False: there is none.
 */
bool target_local(int fd, struct endpoint *endpoint);

/* The endpoint, which is not AF_UNIX, as connect(2) and bind(2) take it. Returns its length. */
socklen_t target_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *address);

/* Are they the same address and port? */
bool target_equal(const struct endpoint *one, const struct endpoint *other);

#endif
