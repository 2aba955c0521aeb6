<?php
/*
 * get.php PORT: GET over one connection of phpredis; a worker as worker.h describes it.
 */
$redis = new Redis();
$redis->connect('127.0.0.1', (int) $argv[1]);
$redis->set('key', 'value');
while (($line = fgets(STDIN)) !== false) {
    $start = hrtime(true);
    for ($i = (int) $line; $i > 0; $i--) {
        $redis->get('key');
    }
    echo hrtime(true) - $start, "\n";
}
