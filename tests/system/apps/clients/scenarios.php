<?php
/*
 * What a master in PHP and its forked children do with one connection, whatever the client: the
 * scenarios of clients.c, which says what each prints. A client's own file begins with
 * `require`, defines a Client and calls run().
 */
declare(strict_types=1);

interface Client
{
    public function get(string $key); /* a string, or what the client takes for one */
    public function set(string $key, string $value): string; /* ok or queued */
    public function id(): int;
    public function follow(string $channel, callable $on_message): void; /* until that is false */
    public function pop(string $list): string;
    public function begin(): void;
    public function commit(): array;
}

function say(string $name, $value): void
{
    fwrite(STDOUT, "$name $value\n");
}

function kind_of(Throwable $error): string
{
    return (new ReflectionClass($error))->getShortName();
}

/* What the call returns, or the kind of error that it throws. SIGALRM ends the process if it does
 * neither. */
function outcome(callable $call, int $times_patience = 1)
{
    pcntl_alarm($times_patience * (int) getenv('PATIENCE'));
    try {
        return $call();
    } catch (Throwable $error) {
        return kind_of($error);
    } finally {
        pcntl_alarm(0);
    }
}

function answer(Client $client, string $key): string
{
    return outcome(fn () => $client->get($key) === $key ? 'right' : 'wrong');
}

function work(Client $client, int $worker): void
{
    for ($get = 0; $get < (int) getenv('GETS'); $get++) {
        $answer = answer($client, "key:$worker:$get");
        if ($get === 0) {
            say('first', $answer);
        }
        if ($answer !== 'right') {
            say('reply', $answer);
        }
    }
    say('database', outcome(fn () => $client->get('where')));
}

function start(callable $work): int
{
    $pid = pcntl_fork();
    if ($pid === 0) {
        $work();
        exit(0);
    }
    return $pid;
}

function say_how_it_ended(int $status): void
{
    if (pcntl_wifsignaled($status)) {
        $signal = pcntl_wtermsig($status);
        say('child', $signal === SIGALRM ? 'stuck' : "killed by $signal");
    } elseif (pcntl_wexitstatus($status) !== 0) {
        say('child', 'exit ' . pcntl_wexitstatus($status));
    }
}

function await(array $children): void
{
    foreach ($children as $child) {
        pcntl_waitpid($child, $status);
        say_how_it_ended($status);
    }
}

function say_whose(Client $client, int $id): void
{
    say('master', outcome(fn () => $client->id() === $id ? 'same' : 'other'));
}

/* Workers GET keys of their own over what they inherited. */
function gets(Client $client): void
{
    $id = $client->id();
    $children = [];
    for ($worker = 0; $worker < (int) getenv('WORKERS'); $worker++) {
        $children[] = start(fn () => work($client, $worker));
    }
    await($children);
    say_whose($client, $id);
}

/* The master waits in BLPOP while its child works. */
function pop(Client $client): void
{
    $id = $client->id();
    $child = start(function () use ($client) {
        fgets(STDIN);
        work($client, 0);
        say('worked', outcome(fn () => $client->set('worked', 'yes')));
    });
    say('popped', outcome(fn () => $client->pop('queue'), 2));
    await([$child]);
    say_whose($client, $id);
}

/* The child speaks in the master's transaction. */
function multi(Client $client): void
{
    $id = $client->id();
    $client->begin();
    $client->set('of-master', '1');
    await([start(fn () => say('child', outcome(fn () => $client->set('of-child', '1'))))]);
    say('transaction', outcome(fn () => count($client->commit())));
    say_whose($client, $id);
}

/* What a process hears, from the message on at which it forks: the messages are numbered. */
final class Listener
{
    private ?int $child = null;
    private bool $child_ended = false;
    private int $last = 0;
    private int $lost = 0;
    private bool $silent = false; /* has said all; leaving may throw */

    /* Returns whether to read on. */
    public function hear(int $number): bool
    {
        if ($this->child === null) {
            $this->last = $number;
            $this->child = pcntl_fork();
            if ($this->child !== 0) {
                say('forked', 'yes');
            }
            return true;
        }
        if ($this->child === 0) {
            say('child', 'heard');
            return !$this->silent = true;
        }
        $this->lost += $number - $this->last - 1;
        $this->last = $number;
        if ($this->child_ended) { /* so this message came after all that it may have taken */
            say('lost', $this->lost);
            return !$this->silent = true;
        }
        $this->child_ended = pcntl_waitpid($this->child, $status, WNOHANG) === $this->child;
        if ($this->child_ended) {
            say_how_it_ended($status);
        }
        return true;
    }

    public function end(?string $error): void
    {
        if (!$this->silent) {
            say($this->child === 0 ? 'child' : 'lost', $error);
        }
    }
}

/* Both read on where the master has subscribed. */
function subscribe(Client $client): void
{
    $listener = new Listener();
    $hear = function ($message) use ($listener): bool {
        $goes_on = $listener->hear((int) $message);
        pcntl_alarm(2 * (int) getenv('PATIENCE'));
        return $goes_on;
    };
    $listener->end(outcome(fn () => $client->follow(getenv('CHANNEL'), $hear), 2));
}

function run(string $version, Client $client, string $scenario): void
{
    say('version', $version);
    $scenario($client);
}
