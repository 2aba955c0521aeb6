<?php
/*
 * predis without any timeout: does one thing, says what came of it, and after an error works again
 * as soon as it can. The lab calls it as: predis.php HOST PORT brpop|get|connect QUEUE
 */
[, $host, $port, $what, $queue] = $argv;
require 'Predis/autoload.php';

const ENDLESS = 1000000; /* s: predis takes -1 for a read, but not for a connect */

function say(string $event, string $text = ''): void
{
    echo $event, ' ', strtr($text, "\r\n", '  '), "\n";
}

function connection(): Predis\Client
{
    global $host, $port;
    return new Predis\Client(['host' => $host, 'port' => (int) $port, 'timeout' => ENDLESS,
        'read_write_timeout' => -1]);
}

function work_again(): void
{
    for (;;) {
        try {
            connection()->incr('work');
            say('back');
            return;
        } catch (Predis\Connection\ConnectionException $lost) {
            usleep(50000);
        }
    }
}

try {
    $redis = connection();
    say('ready', $what === 'connect' ? '' : (string) $redis->executeRaw(['CLIENT', 'ID']));
    if ($what === 'brpop') {
        $redis->brpop([$queue], 0);
    } else {
        fgets(STDIN);
        $redis->get('key'); /* connects only now, if it has not yet */
    }
    say('done', (string) $redis->executeRaw(['CLIENT', 'ID']));
} catch (Predis\Connection\ConnectionException $lost) {
    say('lost', $lost->getMessage());
    work_again();
}
