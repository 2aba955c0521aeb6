<?php
/*
 * Connects to Redis with PHP's own sockets extension, turns keepalive off if asked to, says so and
 * waits for its input to end. Called by rebind_php.c as: rebind_sockets.php PORT [off]
 */
$socket = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
socket_connect($socket, '127.0.0.1', (int) $argv[1]);
if (($argv[2] ?? '') === 'off') {
    socket_set_option($socket, SOL_SOCKET, SO_KEEPALIVE, 0);
}
echo "connected\n";
fgets(STDIN);
