<?php
/*
 * Workers in phpredis, a process each, that take jobs with BRPOP and connect again after any error.
 * The lab and tests/system/dead_peer/outage.c call it as: worker_phpredis.php HOST PORT QUEUE WORKERS SECONDS
 * (of the workers' own read timeout; 0: none)
 */
[, $host, $port, $queue, $workers, $seconds] = $argv;
ini_set('default_socket_timeout', '-1');

function say(string $event, string $text = ''): void
{
    echo $event . ' ' . strtr($text, "\r\n\0", '   ') . "\n";
}

function work(): void
{
    global $host, $port, $queue, $seconds;
    for ($redis = new Redis();;) {
        try {
            $redis->connect($host, (int) $port);
            $redis->setOption(Redis::OPT_READ_TIMEOUT, (int) $seconds ?: -1);
            say('connected');
            for (;;) {
                say('job', $redis->brPop([$queue], 0)[1]);
            }
        } catch (RedisException $lost) {
            say('lost', $lost->getMessage());
            usleep(50000);
        }
    }
}

for ($i = 0; $i < $workers; $i++) {
    if (pcntl_fork() === 0) {
        work();
    }
}
while (pcntl_wait($status) > 0);
