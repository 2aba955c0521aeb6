<?php
// predis.php SCENARIO
declare(strict_types=1);
require __DIR__ . '/scenarios.php';
require 'Predis/Autoloader.php';
Predis\Autoloader::register();

final class OverPredis implements Client
{
    private Predis\Client $redis;

    public function __construct()
    {
        $ca = getenv('REDIS_CA');
        $this->redis = new Predis\Client([
            'scheme' => $ca ? 'tls' : 'tcp',
            'ssl' => ['cafile' => $ca, 'verify_peer_name' => false],
            'host' => getenv('REDIS_HOST'),
            'port' => (int) getenv('REDIS_PORT'),
            'password' => getenv('REDIS_PASSWORD'),
            'database' => (int) getenv('REDIS_DATABASE'),
            'read_write_timeout' => 0,
        ]);
    }

    public function get(string $key)
    {
        return $this->redis->get($key);
    }

    public function set(string $key, string $value): string
    {
        return strtolower((string) $this->redis->set($key, $value));
    }

    public function id(): int
    {
        return $this->redis->executeRaw(['CLIENT', 'ID']);
    }

    public function follow(string $channel, callable $on_message): void
    {
        foreach ($this->redis->pubSubLoop(['subscribe' => [$channel]]) as $message) {
            if ($message->kind === 'message' && !$on_message($message->payload)) {
                return;
            }
        }
    }

    public function pop(string $list): string
    {
        return implode(' ', $this->redis->blpop([$list], 0));
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

run(Predis\Client::VERSION, new OverPredis(), $argv[1]);
