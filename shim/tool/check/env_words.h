/*
 * env_words.h: the words of env(1) and its like, which change the environment.
 */
#ifndef REDISGUARD_CHECK_ENV_WORDS_H
#define REDISGUARD_CHECK_ENV_WORDS_H

/* Does to our own environment and working directory what env would; returns the command. */
char **env_words_apply(char **argv);

/* The same for envdir: a file in the directory is a variable. */
void env_directory_apply(const char *directory);

#endif
