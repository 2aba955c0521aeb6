/*
 * answer.h: what the guard said, or did not say, when it was asked in the program (proof.h).
 */
#ifndef REDISGUARD_CHECK_ANSWER_H
#define REDISGUARD_CHECK_ANSWER_H

#include "proof.h"

/* Findings about the proof and the configuration in force. about: the program's name. */
void answer_judge(const struct proof *proof, const char *about);

#endif
