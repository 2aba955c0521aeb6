"""A client under test: one of the drivers in clients/, with or without the guard, in a world's near
namespace. A driver prints a line an event, `ready`, then `done`, or `lost` and later `back`; here
each gets its time, of one monotonic clock for all. Called by experiment.py and jobs.py.
"""
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

from world import HOST, PORT, World

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'clients')


def driver(name: str, build: str) -> list[str]:
    return {
        'phpredis': ['php', f'{HERE}/phpredis.php'],
        'predis': ['php', f'{HERE}/predis.php'],
        'hiredis': [f'{build}/tests/lab/clients/hiredis'],
        'redis-py': ['/usr/bin/python3', '-B', f'{HERE}/redis_py.py'],
        'Perl Redis': ['perl', f'{HERE}/perl_redis.pl'],
        'redis-cli': [f'{HERE}/redis_cli.sh'],
    }[name]


@dataclass(frozen=True)
class Event:
    at: float
    word: str
    text: str


class Driver:
    """A program of clients/ that runs in the near namespace and prints a line an event."""

    def __init__(self, world: World, guard: list[str], build: str, queue: str, command: list[str],
                 environment: dict[str, str] | None = None) -> None:
        self.world = world
        self.queue = queue
        self.events: list[Event] = []
        wrapper = [f'{build}/redisguard', *guard, '--'] if guard else []
        self.errors = os.path.join(world.directory, f'{queue}.err')
        with open(self.errors, 'w', encoding='utf-8') as errors:
            self.process = subprocess.Popen(
                [*world.inside('near'), *wrapper, *command], env=os.environ | (environment or {}),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                errors='replace', start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for line in self.process.stdout:
            word, _, text = line.strip().partition(' ')
            self.events.append(Event(time.monotonic(), word, text.strip()))

    def complaints(self) -> str:
        with open(self.errors, encoding='utf-8') as errors:
            return errors.read().strip()

    def end(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join()


class Client(Driver):
    def __init__(self, world: World, name: str, what: str, guard: list[str], build: str,
                 queue: str) -> None:
        super().__init__(world, guard, build, queue,
                         [*driver(name, build), HOST, str(PORT), what, queue])
        self.waits = what == 'brpop'  # for work that is pushed

    def event(self, *words: str) -> Event | None:
        return next((event for event in list(self.events) if event.word in words), None)

    def tell_to_go(self) -> None:
        self.process.stdin.write('go\n')
        self.process.stdin.flush()

    def socket(self, sockets: list[str]) -> str:
        """The line of ss(8) about this client, without addresses and holders."""
        for line in sockets:
            words = line.split()
            holders = [w for w in words if w.startswith('users:')]
            if any(self.is_ours(int(part.split(',')[0]))
                   for part in ''.join(holders).split('pid=')[1:]):
                timers = [w for w in words if w.startswith('timer:')]
                return ' '.join([words[0], f'Send-Q {words[2]}', *(timers or ['no timer'])])
        return 'no connection'

    def is_ours(self, pid: int) -> bool:
        try:
            return os.getsid(pid) == self.process.pid
        except ProcessLookupError:
            return False
