<?php
/*
 * A master that connects to Redis too early, and then forks: counts the replies that go astray.
 *
 *     php prefork.php [--connect | --pconnect] [--host H] [--port P] [--auth PASS] [--select N]
 *                     [--workers N] [--gets N] [--deadline SECONDS]
 *
 * Each worker GETs keys of its own again and again, over the object that it inherited. Unguarded,
 * all of them speak on the master's one connection: thousands of replies reach the wrong worker,
 * or the right one too late. Under redisguard each has a connection of its own. One line on stdout
 * sums up. Exit status: 0 when every reply was right and the master still has its connection, 1
 * when not, 2 when it could not be tried. Sets and deletes redisguard:prefork:* keys, and kills
 * only workers of its own that outlast the deadline. Needs PHP 7.4 or later with redis and pcntl.
 */
declare(strict_types=1);

const VALUES = 10; /* a worker */
const READ_TIMEOUT = 3.0; /* seconds; a reply that another worker took never comes */
const GRACE = 2 * READ_TIMEOUT; /* past the deadline: a worker may be in its last wait */

final class Plan
{
    public string $method = 'connect';
    public string $host = '127.0.0.1';
    public int $port = 6379;
    public string $auth = '';
    public int $select = 0;
    public int $workers = 8;
    public int $gets = 10000;
    public int $deadline = 60;

    public function open(): Redis
    {
        $redis = new Redis();
        $redis->{$this->method}($this->host, $this->port, READ_TIMEOUT);
        $redis->setOption(Redis::OPT_READ_TIMEOUT, READ_TIMEOUT);
        if ($this->auth !== '') {
            $redis->auth($this->auth);
        }
        if ($this->select !== 0) {
            $redis->select($this->select);
        }
        return $redis;
    }
}

function key_of(string $value): string
{
    return 'redisguard:prefork:' . MASTER . ":$value";
}

/* Several values a worker, asked for in turn: a reply that comes one GET too late is wrong too. */
function value_of(int $worker, int $get): string
{
    return "worker-$worker-value-" . $get % VALUES;
}

/* What one worker finds: its tally is all that it tells the master. */
function count_replies(Redis $redis, int $worker, Plan $plan): array
{
    $tally = ['gets' => 0, 'wrong' => 0, 'errors' => 0, 'error' => ''];
    $end = microtime(true) + $plan->deadline;
    while ($tally['gets'] < $plan->gets && microtime(true) < $end) {
        $expected = value_of($worker, $tally['gets']++);
        try {
            $tally['wrong'] += (int) ($redis->get(key_of($expected)) !== $expected);
        } catch (RedisException $error) {
            $tally['errors']++;
            $tally['error'] = $error->getMessage();
        }
    }
    return $tally;
}

/* Returns the master's end of a socket pair on which the worker's tally will arrive. */
function start_worker(Redis $redis, int $worker, Plan $plan, array &$pids)
{
    [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    $pid = pcntl_fork();
    if ($pid === -1) {
        throw new RuntimeException('cannot fork');
    }
    if ($pid === 0) {
        fwrite($theirs, json_encode(count_replies($redis, $worker, $plan)));
        exit(0);
    }
    fclose($theirs);
    $pids[$worker] = $pid;
    return $ours;
}

/* Reads the tallies until every worker is gone. Ends those that outlast deadline and grace. */
function collect(array $pipes, array $pids, Plan $plan): array
{
    $texts = array_fill_keys(array_keys($pipes), '');
    $end = microtime(true) + $plan->deadline + GRACE;
    while ($pipes !== [] && ($left = $end - microtime(true)) > 0) {
        $ready = $pipes;
        $none = null;
        stream_select($ready, $none, $none, (int) $left + 1);
        foreach ($ready as $worker => $pipe) {
            $texts[$worker] .= fread($pipe, 4096);
            if (feof($pipe)) {
                unset($pipes[$worker]);
            }
        }
    }
    foreach (array_keys($pipes) as $worker) {
        posix_kill($pids[$worker], SIGKILL);
    }
    return $texts;
}

/* How many workers did not end of their own accord. */
function reap(array $pids): int
{
    $crashed = 0;
    foreach ($pids as $pid) {
        pcntl_waitpid($pid, $status);
        $crashed += (int) (!pcntl_wifexited($status) || pcntl_wexitstatus($status) !== 0);
    }
    return $crashed;
}

function add_up(array $texts): array
{
    $sum = ['gets' => 0, 'wrong' => 0, 'errors' => 0, 'error' => ''];
    foreach ($texts as $text) {
        $tally = json_decode($text, true) ?? ['gets' => 0, 'wrong' => 0, 'errors' => 0];
        foreach (['gets', 'wrong', 'errors'] as $count) {
            $sum[$count] += $tally[$count];
        }
        $sum['error'] = $sum['error'] ?: ($tally['error'] ?? '');
    }
    return $sum;
}

/* The number of the master's connection, as the server says; or why there is none to be had. */
function client_id(Redis $redis): string
{
    try {
        $id = $redis->rawCommand('CLIENT', 'ID');
        return is_int($id) ? (string) $id : 'astray';
    } catch (RedisException $lost) {
        return 'lost';
    }
}

function values(int $workers): array
{
    $values = [];
    for ($worker = 0; $worker < $workers; $worker++) {
        for ($get = 0; $get < VALUES; $get++) {
            $values[] = value_of($worker, $get);
        }
    }
    return $values;
}

function set_keys(Redis $redis, array $values): void
{
    foreach ($values as $value) {
        $redis->setex(key_of($value), 3600, $value);
    }
}

function usage(string $complaint): void
{
    fwrite(STDERR, "prefork: $complaint\nusage: php prefork.php [--connect | --pconnect]"
        . " [--host H] [--port P] [--auth PASS]\n           [--select N] [--workers N] [--gets N]"
        . " [--deadline SECONDS]\n");
    exit(2);
}

function plan(array $argv): Plan
{
    $plan = new Plan();
    for ($i = 1; $i < count($argv); $i++) {
        $name = substr($argv[$i], 2);
        if ($argv[$i] === '--connect' || $argv[$i] === '--pconnect') {
            $plan->method = $name;
        } elseif (strpos($argv[$i], '--') !== 0 || $name === 'method'
            || !property_exists($plan, $name) || !isset($argv[$i + 1])) {
            usage("cannot make sense of {$argv[$i]}");
        } elseif (is_int($plan->$name) && !ctype_digit($argv[$i + 1])) {
            usage("--$name takes a number, not '{$argv[$i + 1]}'");
        } else {
            $plan->$name = is_int($plan->$name) ? (int) $argv[++$i] : $argv[++$i];
        }
    }
    if ($plan->workers < 1) {
        usage('--workers takes a number from 1');
    }
    return $plan;
}

$plan = plan($argv);
define('MASTER', getmypid());
try {
    $master = $plan->open(); /* too early: every worker inherits this */
    set_keys($master, values($plan->workers));
    $before = client_id($master);
} catch (RedisException $error) {
    fwrite(STDERR, "prefork: Redis at $plan->host:$plan->port: {$error->getMessage()}\n");
    exit(2);
}

$pipes = [];
$pids = [];
for ($worker = 0; $worker < $plan->workers; $worker++) {
    $pipes[$worker] = start_worker($master, $worker, $plan, $pids);
}
$sum = add_up(collect($pipes, $pids, $plan));
$crashed = reap($pids);
$after = client_id($master);

$unfinished = $plan->workers * $plan->gets - $sum['gets'];
$right = ctype_digit($before) && $before === $after
    && [$sum['wrong'], $sum['errors'], $unfinished, $crashed] === [0, 0, 0, 0];
printf("%s: workers=%d gets=%d wrong=%d errors=%d unfinished=%d crashed=%d"
    . " master_client_id_before=%s master_client_id_after=%s%s\n",
    $right ? 'every reply was right' : 'not every reply was right', $plan->workers, $plan->gets,
    $sum['wrong'], $sum['errors'], $unfinished, $crashed, $before, $after,
    $sum['error'] === '' ? '' : ' error=' . json_encode(rtrim($sum['error'], "\0")));
try { /* over a new connection: who knows which replies still wait on the master's */
    $plan->open()->del(array_map('key_of', values($plan->workers)));
} catch (RedisException $gone) { /* then an hour later they expire */
}
exit($right ? 0 : 1);
