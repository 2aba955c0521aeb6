<?php
/* A request as any web application makes them: connect, count, command from a child, answer.
 * Run by php-fpm in third_party_servers.c. */
$redis = new Redis();
$redis->pconnect('127.0.0.1', (int) $_SERVER['REDIS_PORT']);
$redis->incr('hits');
usleep(2000);
header('Content-Type: text/plain');
echo 'answered ', trim(shell_exec('echo completely')), "\n";
