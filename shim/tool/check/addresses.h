/*
 * addresses.h: variables that tell a program where its Redis is: is that port guarded?
 */
#ifndef REDISGUARD_CHECK_ADDRESSES_H
#define REDISGUARD_CHECK_ADDRESSES_H

/* A warning for each variable of our own environment that names a port which is not in PORTS. */
void addresses_explain(void);

#endif
