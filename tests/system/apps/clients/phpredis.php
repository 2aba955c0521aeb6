<?php
// phpredis.php connect|pconnect SCENARIO
declare(strict_types=1);
require __DIR__ . '/scenarios.php';

final class OverPhpredis implements Client
{
    private Redis $redis;

    public function __construct(string $method)
    {
        $this->redis = new Redis();
        $ca = getenv('REDIS_CA');
        $host = ($ca ? 'tls://' : '') . getenv('REDIS_HOST');
        $tls = $ca ? ['stream' => ['cafile' => $ca, 'verify_peer_name' => false]] : [];
        $this->redis->$method($host, (int) getenv('REDIS_PORT'), 0.0, null, 0, 0.0, $tls);
        $this->redis->setOption(Redis::OPT_READ_TIMEOUT, -1);
        $this->redis->auth(getenv('REDIS_PASSWORD'));
        $this->redis->select((int) getenv('REDIS_DATABASE'));
    }

    public function get(string $key)
    {
        return $this->redis->get($key);
    }

    public function set(string $key, string $value): string
    {
        $reply = $this->redis->set($key, $value);
        return $reply === $this->redis ? 'queued' : ($reply === true ? 'ok' : 'refused');
    }

    public function id(): int
    {
        return $this->redis->rawCommand('CLIENT', 'ID');
    }

    public function follow(string $channel, callable $on_message): void
    {
        /* Else, finding the connection closed, it connects anew and waits without subscribing. */
        $this->redis->setOption(Redis::OPT_MAX_RETRIES, 0);
        $this->redis->subscribe([$channel], function ($redis, $from, $message) use ($on_message) {
            if (!$on_message($message)) {
                $redis->close(); /* which ends the loop; exit() would not */
            }
        });
    }

    public function pop(string $list): string
    {
        return implode(' ', $this->redis->blPop([$list], 0));
    }

    public function begin(): void
    {
        $this->redis->multi();
    }

    public function commit(): array
    {
        return $this->redis->exec();
    }
}

run(phpversion('redis'), new OverPhpredis($argv[1]), $argv[2]);
