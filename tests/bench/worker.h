/*
 * worker.h: what the measuring programs share: a worker is one variant of one measurement. It is
 * told on standard input how often to do its operation, a number a line, and answers each line with
 * the nanoseconds that all of them took. So several variants can take turns in one run, as often as
 * wanted. Called by the programs of this directory, which the script `bench` starts.
 */
#ifndef REDISGUARD_TESTS_BENCH_WORKER_H
#define REDISGUARD_TESTS_BENCH_WORKER_H

#include <stdbool.h>
#include <stdint.h>

/* Serves until standard input ends. `batch` does `count` operations and returns nanoseconds. */
int work(int64_t (*batch)(long count));

int64_t nanoseconds(void);

/* Ends the program where the result is negative; returns it otherwise. */
int checked(int result, const char *call);

/* A listening socket on a free port of 127.0.0.1; connect_to_listener connects to that. What it
 * accepts is reset at close, so that no connection lingers. */
int listen_somewhere(void);
int connect_to_listener(void);

/* Another process that accepts and holds whatever is connected, as long as this one lives. */
void start_peer(void);

#endif
