/*
 * redisguard.h: the public contract of libredisguard.so.
 *
 * The first half names the environment variables with their defaults and limits; the second is the
 * C API for programs that want to know whether they are guarded. Nobody needs it to be guarded.
 */
#ifndef REDISGUARD_H
#define REDISGUARD_H

#define REDISGUARD_VERSION "1.0.0"

/* Every variable is called REDISGUARD_<NAME> and is read once, when the program starts. */
#define REDISGUARD_PREFIX "REDISGUARD_"

/* PORTS: ports and ranges whose TCP connections are guarded; a port is 1 to 65535. */
#define REDISGUARD_PORTS_DEFAULT "6379,6380,26379"

/* UNIX: globs, separated by ':', over the whole path of a Unix-domain socket. */
#define REDISGUARD_UNIX_DEFAULT "*redis*.sock"
#define REDISGUARD_UNIX_LENGTH  1023

/* KEEPIDLE, KEEPINTVL: seconds (kernel: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL). */
#define REDISGUARD_KEEPIDLE_DEFAULT  30
#define REDISGUARD_KEEPINTVL_DEFAULT 5
#define REDISGUARD_SECONDS_MAX       32767

/* KEEPCNT: probes (kernel: MAX_TCP_KEEPCNT). */
#define REDISGUARD_KEEPCNT_DEFAULT 3
#define REDISGUARD_KEEPCNT_MAX     127

/* USER_TIMEOUT: milliseconds, 0 is off; KEEPIDLE + KEEPINTVL x KEEPCNT where it is not given. */
#define REDISGUARD_USER_TIMEOUT_MAX 2147483647

/* DETECT: seconds; below 3 there is no room for an idle second and two probes. */
#define REDISGUARD_DETECT_MIN 3

/* LOG: "stderr", or an absolute path of at most this many bytes. */
#define REDISGUARD_LOG_LENGTH 4095

/* The exit status of a program that REDISGUARD_STRICT=1 ended for a bad value. */
#define REDISGUARD_EXIT_STRICT 125

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Declare these weak (#define REDISGUARD_WEAK before this file is included) and the program links
 * and runs without the library; the address of an absent function is NULL. All three may be called
 * from any thread and from a signal handler.
 */
#ifdef REDISGUARD_WEAK
#define REDISGUARD_API __attribute__((weak))
#else
#define REDISGUARD_API
#endif

/* The version of the library that is loaded, as "MAJOR.MINOR.PATCH". Never fails. */
REDISGUARD_API const char *redisguard_version(void);

/*
 * 1 when the descriptor is, at this moment, a guarded Redis connection: tuned, and cut off in
 * forked children. 0 when it is anything else, also when it is not open. errno is left alone.
 */
REDISGUARD_API int redisguard_guards(int fd);

/*
 * Stops guarding this descriptor, because it is meant to be inherited: children keep it, and what
 * the program sets on it stays. Other descriptors of the same socket stay guarded. FD_CLOEXEC stays
 * as it is: clear it with fcntl(2) to pass the descriptor across exec. A later connect() on the
 * descriptor guards it again. Returns 0; or -1 with errno EBADF when the descriptor is not open,
 * ENOENT when it is not guarded.
 */
REDISGUARD_API int redisguard_release(int fd);

#ifdef __cplusplus
}
#endif

#endif
