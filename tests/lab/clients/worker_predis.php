<?php
/*
 * Workers in predis, a process each, that take jobs with BRPOP and connect again after any error.
 * The lab calls it as: worker_predis.php HOST PORT QUEUE WORKERS SECONDS (of the workers' own read
 * timeout; 0: none)
 */
[, $host, $port, $queue, $workers, $seconds] = $argv;
require 'Predis/autoload.php';

const ENDLESS = 1000000; /* s: predis takes -1 for a read, but not for a connect */

function say(string $event, string $text = ''): void
{
    echo $event . ' ' . strtr($text, "\r\n", '  ') . "\n";
}

function work(): void
{
    global $host, $port, $queue, $seconds;
    $redis = new Predis\Client(['host' => $host, 'port' => (int) $port, 'timeout' => ENDLESS,
        'read_write_timeout' => (int) $seconds ?: -1]);
    for (;;) {
        try {
            $redis->connect();
            say('connected');
            for (;;) {
                say('job', $redis->brpop([$queue], 0)[1]);
            }
        } catch (Predis\Connection\ConnectionException $lost) {
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
