"""One row of the table of jobs carried out: workers without the guard, with RESET_HALF_OPEN=0 and
with it on meet one outage, jobs are pushed during it and after it, and those that arrive are
counted. Whether that is what was promised, judge.py decides. Called by lab.
"""
import itertools
import os
import subprocess
import time

from clients import HERE, Driver
from job_rows import UNHARMED, JobRow
from routes import LOSSY
from world import PORT, World, wait_until

DETECT = 5  # s
SETTINGS = {'without': None, 'off': 0, 'on': 1}  # REDISGUARD_RESET_HALF_OPEN
PHASES = ('during', 'after')

BEFORE_HEAL = 6  # s, a push during the outage: TCP repeats it 6.2 s later
FIN = 5          # s after the heal, for an unanswered FIN: bare, the kernel repeats it that late
READY = 60       # s
BACK = 20        # s after the heal, to be blocked in a new connection

Counts = dict[tuple[str, str], int]  # of the jobs that arrived, by phase and setting


def command(client: str, build: str) -> list[str]:
    return {
        'phpredis': ['php', f'{HERE}/worker_phpredis.php'],
        'predis': ['php', f'{HERE}/worker_predis.php'],
        'hiredis': [f'{build}/tests/lab/clients/worker_hiredis'],
        'redis-py': ['/usr/bin/python3', '-B', f'{HERE}/worker_redis_py.py'],
        'JVM socket': ['java', '-cp', f'{build}/tests/lab/clients', 'JvmWorker'],
        'ioredis': ['node', f'{HERE}/worker_ioredis.js'],
        'RQ': ['/usr/bin/python3', '-B', f'{HERE}/worker_rq.py'],
        'Celery': ['/usr/bin/python3', '-B', f'{HERE}/worker_celery.py'],
    }[client]


def node_modules(build: str) -> str:
    return f'{build}/clients/node/node_modules'


class Group(Driver):
    """The workers of one queue, a driver that makes as many as it is told."""

    def __init__(self, world: World, row: JobRow, phase: str, setting: str, build: str) -> None:
        self.row, self.phase, self.setting = row, phase, setting
        self.count = row.jobs if phase == 'after' else row.workers
        reset = SETTINGS[setting]
        environment = {'NODE_PATH': node_modules(build)}
        if reset is not None:
            environment['REDISGUARD_RESET_HALF_OPEN'] = str(reset)
        guard = [] if reset is None else ['--detect', str(DETECT)]
        super().__init__(world, guard, build, f'{phase}-{setting}', [
            *command(row.client, build), row.route.host, str(PORT), f'{phase}-{setting}',
            str(row.workers), row.options or str(row.timeout)], environment)

    def push(self) -> None:
        jobs = [f'{self.phase}-{job}' for job in range(self.count)]
        if self.row.client in ('RQ', 'Celery'):
            subprocess.run([*command(self.row.client, ''), 'push', self.world.control, self.queue,
                            *jobs], check=True, capture_output=True)
        else:
            self.world.ask('RPUSH', self.queue, *jobs)

    def arrived(self) -> int:
        return len({event.text for event in list(self.events) if event.word == 'job'})


def blocked(world: World) -> list[int]:
    """The numbers of the connections that the server believes to be waiting for a job."""
    lines = (dict(word.partition('=')[::2] for word in line.split())
             for line in world.ask('CLIENT', 'LIST').splitlines())
    return [int(line['id']) for line in lines if 'b' in line['flags']]


def last_connection(world: World) -> int:
    return int(world.ask('CLIENT', 'ID'))


def run(row: JobRow, name: str, build: str, directory: str) -> Counts:
    world = World(name, directory)
    row.route.before(world)
    groups = [Group(world, row, phase, setting, build)
             for phase, setting in itertools.product(PHASES, SETTINGS)]
    try:
        if not wait_until(lambda: len(blocked(world)) >= len(groups) * row.workers, READY):
            raise RuntimeError('the workers are not ready: '
                               + ' | '.join(group.complaints() for group in groups))
        undergo_outage(world, row, groups)
        wait_for_arrivals(row, groups)
        return {(group.phase, group.setting): group.arrived() for group in groups}
    finally:
        for group in groups:
            group.end()
        world.end()


def undergo_outage(world: World, row: JobRow, groups: list[Group]) -> None:
    """The outage, and all that is pushed."""
    mark = last_connection(world)
    began = time.monotonic()
    row.route.strike(world)
    sleep_until(began + row.outage - BEFORE_HEAL)
    push(groups, 'during')
    sleep_until(began + row.outage)
    row.route.heal(world)
    healed = time.monotonic()
    guarded = sum(group.setting != 'without' for group in groups) * row.workers
    wait_until(lambda: sum(number > mark for number in blocked(world)) >= guarded, BACK)
    sleep_until(healed + pause(row))
    push(groups, 'after')


def pause(row: JobRow) -> float:
    """A worker that gives up after some seconds has begun to wait at the heal: in the moment in
    which it gives up for the first time a job would be lost, whoever guards it."""
    return row.timeout + FIN / 2 if 0 < row.timeout <= DETECT else FIN


def push(groups: list[Group], phase: str) -> None:
    for group in groups:
        if group.phase == phase:
            group.push()


def sleep_until(instant: float) -> None:
    time.sleep(max(0, instant - time.monotonic()))


def wait_for_arrivals(row: JobRow, groups: list[Group]) -> None:
    """Until nothing arrives any more: TCP repeats what was sent into the outage at intervals that
    grow, the next one being at most as long as the outage was; where that is lost, twice that.
    Where all will arrive there is time for a worker's process that has to start again."""
    patience = row.outage * (3 if row.route is LOSSY or row.promise == UNHARMED else 1)

    def progress() -> int:
        return sum(group.arrived() for group in groups)

    def complete() -> bool:
        return all(group.arrived() == group.count for group in groups)

    before = -1
    while not complete() and wait_until(lambda: progress() > before, patience):
        before = progress()


def missing(row: JobRow, build: str) -> bool:
    """Clients that no package of Debian holds."""
    return row.client == 'ioredis' and not os.path.isdir(f'{node_modules(build)}/ioredis')
