<?php
/*
 * A master connects and forks one child, which uses the inherited object in the way that is named.
 * Says what the child saw, then whether the master still has its connection.
 * Called by shared_connection.c as: child_that.php PORT pipelines|multis|... connect|pconnect|unix
 */
[, $port, $does, $method] = $argv;

$redis = new Redis();
if ($method === 'unix') {
    $finder = new Redis();
    $finder->connect('127.0.0.1', (int) $port);
    $redis->connect($finder->config('GET', 'unixsocket')['unixsocket']);
    $finder->close();
} else {
    $redis->$method('127.0.0.1', (int) $port);
}
if ($does === 'asks-where-it-is') {
    $redis->auth('secret');
    $redis->select(7);
}
$redis->mSet(['a' => 'one', 'b' => 'two', 'c' => 'three']);
$id = $redis->rawCommand('CLIENT', 'ID');
if ($does === 'inherits-multi') {
    $redis->multi();
}

$child = pcntl_fork();
if ($child === 0) {
    try {
        $found = does($redis, $does);
        echo "child: $found\n";
    } catch (RedisException $lost) {
        echo "child: RedisException\n";
    }
    exit(0);
}
pcntl_waitpid($child, $status);
if ($does === 'inherits-multi') {
    echo 'master: ', three_values($redis), "\n";
}
$same = $redis->rawCommand('CLIENT', 'ID') === $id;
echo 'master: ', $same ? 'same connection' : 'another connection', "\n";
exit(pcntl_wifexited($status) ? pcntl_wexitstatus($status) : 99);

function three_values($transaction): string
{
    $replies = $transaction->get('a')->get('b')->get('c')->exec();
    return is_array($replies) ? implode(' ', $replies) : 'not a list, but ' . $replies;
}

function does(Redis $redis, string $what): string
{
    switch ($what) {
    case 'closed-then-pipelines':
        $killer = new Redis();
        $killer->connect('127.0.0.1', (int) $GLOBALS['port']);
        $redis->ping();
        $killer->rawCommand('CLIENT', 'KILL', 'ID', $redis->rawCommand('CLIENT', 'ID'));
        return three_values($redis->pipeline());
    case 'pipelines':
        $redis->ping();
        return three_values($redis->pipeline());
    case 'pipelines-at-once':
        return three_values($redis->pipeline());
    case 'multis':
        return three_values($redis->multi());
    case 'inherits-multi':
        return three_values($redis);
    case 'asks-where-it-is':
        $redis->get('a');
        preg_match('/ db=(\d+) /', $redis->rawCommand('CLIENT', 'INFO'), $found);
        return $redis->rawCommand('ACL', 'WHOAMI') . " db=$found[1]";
    }
}
