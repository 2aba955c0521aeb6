<?php
/*
 * A worker without any timeout: connects by METHOD, waits in BRPOP, says what ended the wait.
 * Called by dead_peer.c as: brpop.php PORT connect|pconnect|reconnect
 */
[, $port, $method] = $argv;
ini_set('default_socket_timeout', '-1');

$redis = new Redis();
$redis->{$method === 'pconnect' ? 'pconnect' : 'connect'}('127.0.0.1', (int) $port);
$redis->setOption(Redis::OPT_READ_TIMEOUT, -1);
if ($method === 'reconnect') { /* phpredis connects again by itself when it finds EOF */
    $killer = new Redis();
    $killer->connect('127.0.0.1', (int) $port);
    $killer->rawCommand('CLIENT', 'KILL', 'ID', $redis->rawCommand('CLIENT', 'ID'));
    $killer->close();
    $redis->ping();
}
echo "waits\n";
try {
    $redis->brPop(["queue-$method"], 0);
    echo "popped\n";
} catch (RedisException $lost) {
    echo "lost: {$lost->getMessage()}\n";
}
