<?php
// child_tls_master.php PORT CA: a master that talks to Redis over TLS, and children that do nothing
// but exit, which sends TLS's goodbye. phpredis would reconnect behind our back where its connection
// was broken: so the server is asked who it is.
$redis = new Redis;
$redis->connect('tls://127.0.0.1', (int) $argv[1], 5, null, 0, 0,
    ['stream' => ['cafile' => $argv[2], 'verify_peer_name' => false]]);
$id = $redis->rawCommand('CLIENT', 'ID');
for ($i = 0; $i < 3; $i++) {
    if (($child = pcntl_fork()) === 0) {
        exit(0);
    }
    pcntl_waitpid($child, $status);
}
echo $redis->rawCommand('CLIENT', 'ID') === $id ? 'same client' : 'another client', "\n";
