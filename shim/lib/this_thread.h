/*
 * this_thread.h: variables that each thread has its own of. Initial-exec: no allocation and no call
 * on first use. A preload is always in the static TLS block.
 */
#ifndef THIS_THREAD_H
#define THIS_THREAD_H

#define OF_THIS_THREAD _Thread_local __attribute__((tls_model("initial-exec")))

#endif
