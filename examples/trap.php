<?php
/*
 * Which line connects before the fork? REDISGUARD_TRAP=1 makes the program say it.
 *
 *     php trap.php [--port P] [--mended]                        the master connects, unnoticed
 *     redisguard --trap -- php trap.php [--port P]              the stack trace names the line
 *     redisguard --trap -- php trap.php [--port P] --mended     silence: nobody connects too early
 *
 * The program is a small model of a framework that makes every command at start-up, also those that
 * this run does not need. The trap refuses the Redis connections of the master, never those of its
 * forked workers. Exit status: that of the worker, 255 with a stack trace on stderr when trapped.
 */
declare(strict_types=1);

ini_set('display_errors', 'stderr');
ini_set('log_errors', '0'); /* else the command line prints each error twice */

const HOST = '127.0.0.1';

function connect(): Redis
{
    $redis = new Redis();
    $redis->connect(HOST, PORT, 5.0);
    return $redis;
}

class MigrateUsedProxies
{
    private Redis $redis;

    public function __construct()
    {
        $this->redis = connect(); /* the guilty line: this runs in the master */
    }

    public function run(): bool
    {
        return (bool) $this->redis->ping();
    }
}

/* The same, mended: it connects where it works, and that is after the fork. */
class MigrateUsedProxiesLater
{
    private ?Redis $redis = null;

    public function run(): bool
    {
        $this->redis = $this->redis ?? connect();
        return (bool) $this->redis->ping();
    }
}

class Application
{
    private array $commands = [];

    /* Makes them all, to have their names for a list of commands. */
    public function boot(string ...$classes): void
    {
        foreach ($classes as $class) {
            $this->commands[$class] = new $class();
        }
    }

    public function serve(string $class): int
    {
        $pid = pcntl_fork();
        if ($pid === 0) {
            exit($this->commands[$class]->run() ? 0 : 1);
        }
        pcntl_waitpid($pid, $status);
        return pcntl_wexitstatus($status);
    }
}

$mended = in_array('--mended', $argv, true);
$port = array_search('--port', $argv, true);
define('PORT', $port === false ? 6379 : (int) ($argv[$port + 1] ?? 0));

$class = $mended ? MigrateUsedProxiesLater::class : MigrateUsedProxies::class;
$application = new Application();
$application->boot($class);
$status = $application->serve($class);
echo $status === 0 ? "the worker got its answer\n" : "the worker failed\n";
exit($status);
