<?php
/*
 * Connects to Redis by METHOD, which is where phpredis turns keepalive off, says so and waits for
 * its input to end. Called by rebind_php.c as: rebind_phpredis.php PORT connect|pconnect|reconnect
 */
[, $port, $method] = $argv;

$redis = new Redis();
$redis->{$method === 'pconnect' ? 'pconnect' : 'connect'}('127.0.0.1', (int) $port);
if ($method === 'reconnect') { /* by itself, with its next command */
    $other = new Redis();
    $other->connect('127.0.0.1', (int) $port);
    $other->rawCommand('CLIENT', 'KILL', 'ID', (string) $redis->rawCommand('CLIENT', 'ID'));
    $other->close();
}
$redis->ping();
echo "connected\n";
fgets(STDIN);
