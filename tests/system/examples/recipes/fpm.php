<?php
/*
 * A request to php-fpm: leaves a connection to Redis open in its worker and prints what the guard,
 * if it is there, says in a command that the worker executes. Called by examples_services.c.
 */
$redis = new Redis();
$redis->pconnect('127.0.0.1', 6379);
$redis->ping();
echo shell_exec('REDISGUARD_PROBE=1 /bin/true');
