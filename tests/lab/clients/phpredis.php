<?php
/*
 * phpredis without any timeout: does one thing, says what came of it, and after an error works
 * again as soon as it can. The lab calls it as: phpredis.php HOST PORT WHAT QUEUE
 */
[, $host, $port, $what, $queue] = $argv;
ini_set('default_socket_timeout', '-1');

const PIPELINE = 64;    /* commands of 128 KiB: more than the sockets' buffers hold */
const COMMANDS = 40;    /* one after the other */

function say(string $event, $text = ''): void
{
    echo $event, ' ', strtr((string) $text, "\r\n\0", '   '), "\n";
}

function connection(string $method = 'connect'): Redis
{
    global $host, $port;
    $redis = new Redis();
    $redis->$method($host, (int) $port);
    $redis->setOption(Redis::OPT_READ_TIMEOUT, -1);
    return $redis;
}

function id(Redis $redis): string
{
    return (string) $redis->rawCommand('CLIENT', 'ID');
}

function prepare(string $what): ?Redis
{
    if ($what === 'connect') {
        say('ready');
        return null;
    }
    $redis = connection($what === 'pool' ? 'pconnect' : 'connect');
    say('ready', id($redis));
    return $what === 'pool' ? null : $redis; /* nobody holds it: it goes back to the pool */
}

function perform(string $what, ?Redis $redis): Redis
{
    global $queue;
    switch ($what) {
    case 'connect':
        $redis = connection();
        break;
    case 'pool':
        $redis = connection('pconnect');
        $redis->get('key');
        break;
    case 'brpop':
        $redis->brPop([$queue], 0);
        break;
    case 'get':
        $redis->get('key');
        break;
    case 'many':
        for ($i = 0; $i < COMMANDS; $i++) {
            $redis->incr($queue);
        }
        break;
    case 'pipeline':
        $pipeline = $redis->pipeline();
        for ($i = 0; $i < PIPELINE; $i++) {
            $pipeline->set($queue, str_repeat('x', 1 << 17));
        }
        if ($pipeline->exec() === false) { /* it does not throw */
            throw new RedisException(error_get_last()['message'] ?? 'exec() failed');
        }
        break;
    }
    return $redis;
}

function work_again(): void
{
    for (;;) {
        try {
            connection()->incr('work');
            say('back');
            return;
        } catch (RedisException $lost) {
            usleep(50000);
        }
    }
}

try {
    $redis = prepare($what);
    if ($what !== 'brpop') {
        fgets(STDIN);
    }
    $redis = perform($what, $redis);
    say('done', id($redis));
} catch (RedisException $lost) {
    say('lost', $lost->getMessage());
    work_again();
}
