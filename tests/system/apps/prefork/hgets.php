<?php
/*
 * What the PHP files of this directory share. A worker waits until all workers have come, so that all
 * speak at once, then asks for half a second for fields whose value it knows, and tells its tally.
 * The master's last command is one that no worker says.
 */
function connect_to_redis(string $method): Redis
{
    $redis = new Redis();
    $redis->$method('127.0.0.1', (int) getenv('REDIS_PORT'), 5.0);
    $redis->setOption(Redis::OPT_READ_TIMEOUT, (float) getenv('READ_TIMEOUT'));
    return $redis;
}

function client_id(Redis $redis): string
{
    try {
        $id = $redis->rawCommand('CLIENT', 'ID');
        return is_int($id) ? (string) $id : 'astray';
    } catch (RedisException $lost) {
        return 'lost';
    }
}

function meet_all_workers(): void
{
    touch(getenv('MEETING') . '/' . getmypid());
    while (count(glob(getenv('MEETING') . '/*')) < (int) getenv('WORKERS')) {
        usleep(2000);
    }
}

function hgets(Redis $redis): string
{
    $right = $wrong = $errors = 0;
    $said = '';
    meet_all_workers();
    $end = microtime(true) + 0.5;
    for ($n = getmypid(); microtime(true) < $end; $n++) {
        $field = $n % 1000;
        try {
            $redis->hGet('proxy', "$field") === "value-$field" ? $right++ : $wrong++;
        } catch (RedisException $error) {
            $errors++;
            $said = rtrim($error->getMessage(), "\0");
        }
    }
    return sprintf("pid=%d client=%s right=%d wrong=%d errors=%d %s\n", getmypid(),
        client_id($redis), $right, $wrong, $errors, $said);
}
