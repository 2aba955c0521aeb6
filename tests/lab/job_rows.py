"""The table of jobs: which workers meet an outage behind which route, and what is promised then.
Read by jobs.py, top to bottom as the report shows it.
"""
from dataclasses import dataclass, replace

from routes import LOSSY, MASQUERADE, PROXY, ROUTED, STRICT, SWALLOWS, Route

# What is promised of the jobs that are pushed after the heal; each is checked by judge.py. Without
# the guard all arrive, in each row.
CURED = 'cured'        # with the guard all arrive; with RESET_HALF_OPEN=0 some do not
MOSTLY = 'mostly'      # at most three quarters as many are lost as with RESET_HALF_OPEN=0
UNHARMED = 'unharmed'  # all, with RESET_HALF_OPEN=0 too
LOST = 'lost'          # nothing can be done: each worker loses one at most


@dataclass(frozen=True)
class JobRow:
    client: str
    workers: int
    route: Route = ROUTED
    promise: str = CURED
    outage: float = 9  # s; REDISGUARD_DETECT is 5
    timeout: int = 0   # s, the workers' own read timeout; 0: none
    options: str = ''  # of the URL that they are given
    note: str = ''

    @property
    def key(self) -> str:
        tag = [f'{self.outage:g}s'] if self.outage != JobRow.outage else []
        tag += [f'timeout{self.timeout}'] if self.timeout else []
        tag += [self.options] if self.options else []
        return '/'.join(['jobs', self.client, str(self.workers), self.route.key, *tag])

    @property
    def label(self) -> str:
        notes = [f'read timeout {self.timeout} s'] if self.timeout else []
        notes += [f'outage of {self.outage:g} s'] if self.outage != JobRow.outage else []
        notes += [f'`{self.options}`'] if self.options else []
        notes += [self.note] if self.note else []
        return f'{self.client}, {self.workers}' + (f' ({", ".join(notes)})' if notes else '')

    @property
    def jobs(self) -> int:
        """After the heal. During the outage as many as there are workers."""
        return 5 * self.workers


# Workers, and what is promised of them behind a route that lets the reset through.
KINDS = [
    JobRow('phpredis', 1),
    JobRow('phpredis', 20),
    JobRow('phpredis', 20, timeout=60),
    JobRow('predis', 20),
    JobRow('redis-py', 20),
    JobRow('redis-py', 20, timeout=60),
    JobRow('hiredis', 20),
    JobRow('JVM socket', 20),
    JobRow('JVM socket', 20, timeout=60),
    JobRow('ioredis', 20, promise=LOST, note='its close is not seen'),
    JobRow('RQ', 4, promise=LOST, note='its process ends, and is started again'),
    # It connects again once, and the kernel repeats that SYN for as long as DETECT says.
    JobRow('RQ', 4, outage=7, options='retry_on_timeout=true'),
    JobRow('Celery', 2, outage=16, promise=UNHARMED,
           note="its BRPOP ends each second; a TypeError of Debian's kombu ends its process, which"
                ' is started again'),
]


def behind(route: Route, kind: JobRow) -> JobRow:
    promise = kind.promise
    if promise == CURED and route is SWALLOWS:
        promise = LOST
    if promise == CURED and route is LOSSY:
        promise = MOSTLY if kind.workers >= 20 else LOST
    if promise == UNHARMED and route is LOSSY:
        promise = LOST
    return replace(kind, route=route, promise=promise)


JOB_ROWS = [
    *[behind(route, kind) for kind in KINDS
      for route in (ROUTED, MASQUERADE, STRICT, SWALLOWS, LOSSY, PROXY)],
    *[JobRow(client, 1) for client in ('predis', 'redis-py', 'hiredis', 'JVM socket')],
    JobRow('phpredis', 20, outage=16),
    JobRow('phpredis', 20, promise=UNHARMED, outage=8, timeout=4),
    JobRow('redis-py', 20, promise=UNHARMED, outage=8, timeout=4),
]
