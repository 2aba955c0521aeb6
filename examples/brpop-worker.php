<?php
/*
 * A queue worker that runs for months: takes items from a Redis list, one at a time, with BRPOP.
 *
 *     php brpop-worker.php [--host H] [--port P] [--queue NAME] [--block SECONDS]
 *                          [--processing NAME]
 *     redisguard --detect 15 -- php brpop-worker.php --queue mails
 *
 * REDIS_HOST, REDIS_PORT, REDIS_QUEUE, REDIS_BLOCK and REDIS_PROCESSING say the same;
 * REDIS_PASSWORD the password.
 * Put your own work into handle(). Exit status: 0 after SIGTERM or SIGINT, 2 when called wrongly.
 * Needs PHP 7.4 or later with the redis and pcntl extensions.
 *
 * The read timeout is endless, as in most such workers: when Redis vanishes without a word, only
 * the kernel can notice, and it looks only on a guarded connection. Then BRPOP throws, and the
 * worker reconnects. Give your supervisor more patience than --detect: see popped().
 *
 * BRPOP delivers at most once: an item that the server sends into a connection that is dead by then
 * is lost, with any client. --processing jobs:worker1 uses BLMOVE (Redis 6.2) instead: an item stays
 * in that list, which must be this worker's own, until handle() has returned. An item that never
 * arrived is taken back from there. handle() may then see an item twice.
 */
declare(strict_types=1);

/* Your work. The item has left the queue: what is not finished here is lost unless you keep it, or
 * unless the process dies under --processing. */
function handle(string $item): void
{
    report('item', ['payload' => $item]);
}

final class Worker
{
    private const CONNECT_TIMEOUT = 5.0; /* seconds, as the delays are */
    private const FIRST_DELAY = 0.1;
    private const LONGEST_DELAY = 10.0;
    private const NAP = 200000; /* microseconds; a signal ends a nap, but not the next one */

    private array $settings;
    private ?Redis $redis = null;
    private bool $stopping = false;
    private int $failures = 0;
    private int $items = 0;

    public function __construct(array $settings)
    {
        $this->settings = $settings;
    }

    public function run(): void
    {
        $this->listenForSignals();
        report('started', $this->settings);
        while (!$this->stopping) {
            try {
                $this->takeOne();
            } catch (RedisException $lost) {
                $this->retreat($lost);
            }
        }
        report('stopped', ['items' => $this->items]);
    }

    private function listenForSignals(): void
    {
        pcntl_async_signals(true);
        $stop = function (int $signal): void {
            $this->stopping = true;
            report('stopping', ['signal' => $signal]);
        };
        pcntl_signal(SIGTERM, $stop);
        pcntl_signal(SIGINT, $stop);
    }

    private function takeOne(): void
    {
        $this->redis = $this->redis ?? $this->connect();
        $item = $this->settings['processing'] === '' ? $this->popped() : $this->moved();
        $this->failures = 0; /* only now: a server that is loading accepts, and then refuses */
        if ($item !== null) {
            $this->items++;
            $this->work($item);
            $this->done($item);
        }
    }

    private function connect(): Redis
    {
        $redis = new Redis();
        /* It throws what it also warns of when a name cannot be resolved: once is enough. */
        @$redis->connect($this->settings['host'], $this->settings['port'], self::CONNECT_TIMEOUT);
        $this->leaveReconnectingToUs($redis);
        $password = (string) getenv('REDIS_PASSWORD');
        if ($password !== '' && !$redis->auth($password)) {
            throw new RedisException($redis->getLastError() ?? 'AUTH failed');
        }
        /* Otherwise default_socket_timeout, 60 seconds, would cut every longer wait short. */
        $redis->setOption(Redis::OPT_READ_TIMEOUT, -1);
        $peer = ['host' => $this->settings['host'], 'port' => $this->settings['port']];
        report('connected', $peer);
        $this->takeBack($redis);
        return $redis;
    }

    /*
     * phpredis up to 5.3.7 may find, between its write and its read, that the server has closed the
     * connection. It then connects again and waits, here for ever, for the reply to a command that
     * it does not repeat (pull request 2090 mends that). Without retries it throws.
     */
    private function leaveReconnectingToUs(Redis $redis): void
    {
        if (defined('Redis::OPT_MAX_RETRIES')) { /* older ones have no such option */
            $redis->setOption(Redis::OPT_MAX_RETRIES, 0);
        }
    }

    /*
     * Why not one BRPOP for ever: a signal interrupts the poll() that phpredis waits in, but PHP
     * starts it again, and the signal's PHP handler runs only when BRPOP returns. So Redis is asked
     * to answer within --block seconds. It is Redis that keeps this time: when Redis has vanished,
     * the wait, and with it a SIGTERM, lasts until the dead peer is noticed. With --block 0, a
     * SIGTERM waits for the next item.
     */
    private function popped(): ?string
    {
        $popped = $this->redis->brPop([$this->settings['queue']], $this->settings['block']);
        if (!is_array($popped)) { /* phpredis returns false for some errors: WRONGTYPE is one */
            throw new RedisException($this->redis->getLastError() ?? 'BRPOP failed');
        }
        return $popped[1] ?? null;
    }

    /* The same with BLMOVE, for which phpredis 5.3 has no method. Where it gives nothing, this
     * worker is at work on nothing: what is in its list by now never arrived here. */
    private function moved(): ?string
    {
        $settings = $this->settings;
        $item = $this->ask($this->redis, 'BLMOVE', $settings['queue'], $settings['processing'],
            'RIGHT', 'LEFT', (string) $settings['block']);
        if ($item === null) {
            $this->takeBack($this->redis);
        }
        return $item;
    }

    private function done(string $item): void
    {
        if ($this->settings['processing'] !== '') {
            $this->ask($this->redis, 'LREM', $this->settings['processing'], '1', $item);
        }
    }

    /* To where the next item is taken from, the oldest at the very end. */
    private function takeBack(Redis $redis): void
    {
        if ($this->settings['processing'] === '') {
            return;
        }
        $move = ['LMOVE', $this->settings['processing'], $this->settings['queue'], 'LEFT', 'RIGHT'];
        while (($item = $this->ask($redis, ...$move)) !== null) {
            report('taken-back', ['payload' => $item]);
        }
    }

    /* null: Redis had none. phpredis makes false or an empty array of that. */
    private function ask(Redis $redis, string ...$command): ?string
    {
        $redis->clearLastError();
        $reply = $redis->rawCommand(...$command);
        if ($redis->getLastError() !== null) {
            throw new RedisException($redis->getLastError());
        }
        return is_string($reply) ? $reply : null;
    }

    private function work(string $item): void
    {
        try {
            handle($item);
        } catch (Throwable $failure) { /* a RedisException from there says nothing of our queue */
            report('failed', ['error' => $failure->getMessage(), 'payload' => $item]);
        }
    }

    private function retreat(RedisException $lost): void
    {
        $this->redis = null; /* a new object each time: nothing of the old connection stays */
        $delay = $this->nextDelay();
        /* phpredis 5.3 leaves a NUL at the end of the server's own messages. */
        report('lost', ['error' => rtrim($lost->getMessage(), "\0"), 'retry_in' => $delay]);
        $until = microtime(true) + $delay;
        while (!$this->stopping && microtime(true) < $until) {
            usleep(self::NAP);
        }
    }

    /* Doubled each time up to a limit, then cut at random: many workers must not return at once. */
    private function nextDelay(): float
    {
        $limit = min(self::LONGEST_DELAY, self::FIRST_DELAY * 2 ** min($this->failures++, 16));
        return round($limit * random_int(500, 1000) / 1000, 3);
    }
}

/* One event, one line, on stderr. The values are JSON, so that no item can forge a line. */
function report(string $event, array $values): void
{
    $time = (new DateTimeImmutable('now', new DateTimeZone('UTC')))->format('Y-m-d\TH:i:s.v\Z');
    $json = json_encode($values, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
    fwrite(STDERR, "$time brpop-worker[" . getmypid() . "] $event $json\n");
}

function usage(string $complaint): void
{
    fwrite(STDERR, "brpop-worker: $complaint\nusage: php brpop-worker.php"
        . " [--host H] [--port P] [--queue NAME] [--block SECONDS] [--processing NAME]\n");
    exit(2);
}

/* An option, else its environment variable, else the default. */
function settings(array $argv): array
{
    $settings = ['host' => '127.0.0.1', 'port' => '6379', 'queue' => 'jobs', 'block' => '1',
        'processing' => ''];
    foreach ($settings as $name => $default) {
        $set = (string) getenv('REDIS_' . strtoupper($name));
        $settings[$name] = $set === '' ? $default : $set;
    }
    for ($i = 1; $i < count($argv); $i += 2) {
        $name = substr($argv[$i], 2);
        if (strpos($argv[$i], '--') !== 0 || !isset($settings[$name], $argv[$i + 1])) {
            usage("cannot make sense of {$argv[$i]}");
        }
        $settings[$name] = $argv[$i + 1];
    }
    /* Where a Kubernetes Service is called redis, REDIS_PORT is a URL: complain, not port 0. */
    $settings['port'] = number('port', $settings['port'], 1, 65535);
    $settings['block'] = number('block', $settings['block'], 0, 3600);
    if ($settings['processing'] === $settings['queue']) {
        usage("processing is '{$settings['queue']}', but must be another list than the queue");
    }
    return $settings;
}

function number(string $name, string $text, int $least, int $most): int
{
    $range = ['min_range' => $least, 'max_range' => $most];
    $number = filter_var($text, FILTER_VALIDATE_INT, ['options' => $range]);
    if ($number === false) {
        usage("$name is '$text', but must be a number from $least to $most");
    }
    return $number;
}

foreach (['redis', 'pcntl'] as $extension) {
    if (!extension_loaded($extension)) {
        usage("PHP has no $extension extension here");
    }
}
(new Worker(settings($argv)))->run();
