/*
 * php.h: what is particular to PHP: DEEPBIND extensions, and the pools of php-fpm.
 */
#ifndef REDISGUARD_CHECK_PHP_H
#define REDISGUARD_CHECK_PHP_H

/* Findings, if this program is called as PHP is. */
void php_explain(const char *path, char *const argv[]);

#endif
