<?php
/*
 * The shared connection as it was reported: a master opens two connections, forks four workers that
 * use both, one after another, and all stay until standard input ends. Prints a line for each
 * process when it has done its part, with its pid.
 */
declare(strict_types=1);

$port = (int) $argv[1];
$connections = [];
foreach ([1, 2] as $number) {
    $connections[$number] = new Redis();
    $connections[$number]->connect('127.0.0.1', $port);
}

function tell(string $who): void
{
    fwrite(STDOUT, "$who " . getmypid() . "\n");
}

function stay(): void
{
    while (fgets(STDIN) !== false) {
    }
}

for ($worker = 0; $worker < 4; $worker++) {
    [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    if (pcntl_fork() === 0) {
        foreach ($connections as $connection) {
            $connection->ping();
        }
        tell('worker');
        fclose($ours);
        fclose($theirs);
        stay();
        exit(0);
    }
    fclose($theirs);
    fgets($ours); /* comes to its end: this worker has done its part, and the next one may */
    fclose($ours);
}
tell('master');
stay();
