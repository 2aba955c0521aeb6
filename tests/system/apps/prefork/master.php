<?php
/*
 * php master.php [daemon]: a service as many have been written with pcntl. The master connects to
 * Redis too early (a class of its own does, in its constructor), listens, forks workers and looks
 * after them; each worker has a loop of its own on the listening socket that all of them share. As
 * a daemon it forks twice after it has connected, and the grandchild is the master.
 */
require __DIR__ . '/hgets.php';

final class Migration
{
    public Redis $redis;

    public function __construct()
    {
        $this->redis = connect_to_redis('pconnect');
        $this->redis->hGet('proxy', '0');
    }
}

function fork_and_leave(): void
{
    if (pcntl_fork() !== 0) {
        exit(0);
    }
}

function become_daemon(): void
{
    fork_and_leave();
    posix_setsid();
    fork_and_leave();
}

/* One of the workers gets it; the others were woken for nothing. */
function accept_one($listening): void
{
    $client = @stream_socket_accept($listening, 0);
    if ($client !== false) {
        fgets($client);
        fwrite($client, hgets($GLOBALS['migration']->redis));
        fclose($client);
    }
}

function work($listening): never
{
    pcntl_signal(SIGTERM, SIG_DFL);
    pcntl_sigprocmask(SIG_SETMASK, []);
    for (;;) {
        $ready = [$listening];
        $none = null;
        stream_select($ready, $none, $none, null);
        accept_one($listening);
    }
}

$migration = new Migration();
$opened = client_id($migration->redis);
if (in_array('daemon', $argv, true)) {
    become_daemon();
}
$before = client_id($migration->redis);
$listening = stream_socket_server('tcp://127.0.0.1:8080');
stream_set_blocking($listening, false);
pcntl_sigprocmask(SIG_BLOCK, [SIGTERM]);
for ($worker = 0; $worker < (int) getenv('WORKERS'); $worker++) {
    $pids[] = pcntl_fork();
    if (end($pids) === 0) {
        work($listening);
    }
}
$migration->redis->client('setname', 'master');
echo 'master ', getmypid(), ' is ready, on ',
    $before === $opened ? 'the connection that was opened' : 'a connection of its own', "\n";

pcntl_sigwaitinfo([SIGTERM]);
foreach ($pids as $pid) {
    posix_kill($pid, SIGTERM);
    pcntl_waitpid($pid, $status);
}
$after = client_id($migration->redis);
echo 'master: ', $after === $before ? 'same connection' : "$before, then $after", "\n";
