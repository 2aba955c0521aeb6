<?php
/*
 * Connects, waits for a line on stdin, then sends one GET: what does a command meet that goes out
 * into a network that is gone? Called by dead_peer.c as: get_when_told.php PORT
 */
ini_set('default_socket_timeout', '-1');
$redis = new Redis();
$redis->connect('127.0.0.1', (int) $argv[1]);
$redis->ping();
echo "connected\n";
fgets(STDIN);
try {
    $redis->get('key');
    echo "replied\n";
} catch (RedisException $lost) {
    echo "lost: {$lost->getMessage()}\n";
}
