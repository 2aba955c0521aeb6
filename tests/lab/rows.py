"""The table: which client, doing what, meets which fault, and what is promised then. Read by
experiment.py, top to bottom as the report shows it.
"""
from dataclasses import dataclass

from faults import (FORGETFUL, KILLED, LOSS, NO_ADDRESS, NO_LINK, REBOOTED, SILENT_DROP, STOPPED,
                    Fault)

# What a client is told to do, as its driver calls it and as a reader does.
DOING = {
    'brpop': 'idle in BRPOP',
    'get': 'a command in flight',
    'connect': 'during the handshake',
    'pool': 'pconnect takes it from the pool',
    'pipeline': 'a full pipeline',
    'many': '40 commands',
}

# What is promised of a client. Each is checked by a function of judge.py.
NOTICES = 'notices'    # an error within the budget, and at work again once the fault is healed
UNHARMED = 'unharmed'  # the command completes, without an error, on the same connection
BLOCKED = 'blocked'    # nothing at all up to the limit


@dataclass(frozen=True)
class Row:
    fault: Fault
    client: str
    what: str
    without: str = BLOCKED
    guarded: str = NOTICES
    budgets: tuple[int, ...] = (3, 6)    # s, REDISGUARD_DETECT: a client each
    options: tuple[str, ...] = ()        # for the guard, beside that
    heal_after: float | None = None      # s; else when the limit has passed
    start_after: float = 0               # s from the fault to the command
    tuned: bool = False                  # the guard is not in it: --tune, once the fault is there
    rounds: int = 1                      # how often the client itself tries before it says so
    note: str = ''

    @property
    def key(self) -> str:
        tag = [''.join(self.options).strip('-')] if self.options else []
        tag += [f'{self.heal_after:g}s'] if self.heal_after else []
        tag += ['tune'] if self.tuned else []
        return '/'.join([self.client, self.fault.key, self.what, *tag])

    @property
    def title(self) -> str:
        length = f' of {self.heal_after:g} s' if self.heal_after else ''
        options = f'`{" ".join(self.options)}`' if self.options else ''
        tuned = 'never guarded, then `--tune`' if self.tuned else ''
        notes = ', '.join(filter(None, [options, tuned, self.note]))
        return f'{self.fault.name}{length}' + (f' ({notes})' if notes else '')

    @property
    def doing(self) -> str:
        return DOING[self.what]

    @property
    def label(self) -> str:
        return f'{self.title}: {self.doing}'


def phpredis(fault: Fault, what: str, **more) -> Row:
    return Row(fault, 'phpredis', what, **more)


def harmless(fault: Fault, what: str, **more) -> Row:
    return phpredis(fault, what, without=UNHARMED, guarded=UNHARMED, **more)


ROWS = [
    phpredis(SILENT_DROP, 'brpop'),
    phpredis(SILENT_DROP, 'get'),
    phpredis(SILENT_DROP, 'connect'),
    phpredis(SILENT_DROP, 'pool', start_after=8, note='8 s before'),
    phpredis(SILENT_DROP, 'brpop', tuned=True),
    Row(SILENT_DROP, 'redis-py', 'brpop', tuned=True),
    phpredis(NO_ADDRESS, 'brpop'),
    phpredis(NO_LINK, 'brpop'),
    phpredis(KILLED, 'brpop'),
    phpredis(REBOOTED, 'brpop'),
    # Probes that come after the flow was forgotten tell the client; earlier ones keep it.
    phpredis(FORGETFUL, 'brpop', budgets=(4, 6), options=('--keepidle', '3')),
    phpredis(FORGETFUL, 'brpop', guarded=UNHARMED, options=('--keepidle', '1')),

    # No false alarm: one probe, or one repetition of what was sent, must get through. Probes come
    # in the last seconds of a budget, so all of them may fall into a drop of KEEPINTVL times their
    # number less one; with --keepidle 1 they come all the time. Repetitions come ever later: the
    # last one, in the worst case, when half of the budget is left.
    harmless(SILENT_DROP, 'brpop', heal_after=0.8),
    harmless(SILENT_DROP, 'get', heal_after=0.8),
    harmless(SILENT_DROP, 'brpop', heal_after=1.8, budgets=(6,)),
    harmless(SILENT_DROP, 'get', heal_after=1.8, budgets=(6,)),
    harmless(SILENT_DROP, 'brpop', heal_after=3.5, budgets=(6,), options=('--keepidle', '1')),
    phpredis(SILENT_DROP, 'get', heal_after=4.5, budgets=(6,), without=UNHARMED),
    # Ten probes and more: one lost in three must not be all of them.
    harmless(LOSS, 'brpop', budgets=(15, 30), options=('--keepidle', '5')),
    harmless(LOSS, 'many', budgets=(15, 30)),
    harmless(STOPPED, 'brpop'),
    phpredis(STOPPED, 'pipeline', without=UNHARMED),
    harmless(STOPPED, 'pipeline', options=('--user-timeout', '30000')),

    # Other clients.
    *[Row(SILENT_DROP, client, what)
      for client in ('predis', 'hiredis', 'redis-py', 'Perl Redis')
      for what in ('brpop', 'get', 'connect')],
    Row(SILENT_DROP, 'redis-cli', 'brpop'),
    Row(SILENT_DROP, 'redis-cli', 'get'),
    Row(SILENT_DROP, 'redis-cli', 'connect', rounds=2, note='tries twice'),
]
