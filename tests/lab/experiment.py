"""One row carried out: in a world of its own the same client several times, without the guard and
with it for each budget, all of them under the same fault at the same instant. Says what was seen;
whether that is what was promised, judge.py decides. Called by lab.
"""
import subprocess
import time
from dataclasses import dataclass

from clients import Client
from rows import NOTICES, Row
from world import World, wait_until

LOOK_AFTER = 2  # s: when ss(8) is asked, before the smallest budget has passed
PATIENCE = 6    # s for a client to be at work again, once all is well


@dataclass(frozen=True)
class Seen:
    """One client of a row. Times are seconds since the fault was complete, or since the command
    that was sent into it."""
    budget: int | None      # None: without the guard
    blocked: bool           # neither an error nor a reply when the limit had passed
    noticed: float | None   # the error
    error: str
    finished: float | None  # the command, without an error
    back: float | None      # until at work again, since it could be: healed, and noticed
    same: bool              # the connection: CLIENT ID
    socket: str             # ss(8)


def limit_of(row: Row, limit: float) -> float:
    return max(limit, row.rounds * max(row.budgets) + 1) if row.guarded == NOTICES else limit


def run(row: Row, name: str, build: str, directory: str, limit: float) -> list[Seen]:
    world = World(name, directory)
    row.fault.before(world)
    clients = {budget: start(world, row, budget, build) for budget in (None, *row.budgets)}
    try:
        wait_until_ready(world, row, list(clients.values()))
        return watch(world, row, clients, build, limit_of(row, limit))
    finally:
        for client in clients.values():
            client.end()
        world.end()


def start(world: World, row: Row, budget: int | None, build: str) -> Client:
    guard = ['--detect', str(budget), *row.options] if budget and not row.tuned else []
    return Client(world, row.client, row.what, guard, build, f'queue-{budget}')


def wait_until_ready(world: World, row: Row, clients: list[Client]) -> None:
    def ready() -> bool:
        if not all(client.event('ready') for client in clients):
            return False
        return row.what != 'brpop' or world.ask('CLIENT', 'LIST').count('cmd=brpop') == len(clients)

    def acknowledged() -> bool:
        return not any('timer:(on' in line for line in world.sockets())

    if not wait_until(ready, 20) or not wait_until(acknowledged, 5):
        raise RuntimeError('a client is not ready: '
                           + ' | '.join(client.complaints() for client in clients))


def sleep_until(instant: float) -> None:
    time.sleep(max(0, instant - time.monotonic()))


@dataclass
class Times:
    """Instants of the one clock."""
    began: float
    healed: float
    pushed: float


def watch(world: World, row: Row, clients: dict[int | None, Client], build: str,
          limit: float) -> list[Seen]:
    began = begin(world, row, list(clients.values()))
    if row.tuned:
        began = tune(world, clients, build)
    early = row.heal_after is not None
    sleep_until(began + min(LOOK_AFTER, 0.75 * row.heal_after if early else limit))
    sockets = look(world, clients)
    if early:
        sleep_until(began + row.heal_after)
        healed = heal(world, row)
    sleep_until(began + limit)
    blocked = {budget: not client.event('lost', 'done') for budget, client in clients.items()}
    if not early:
        healed = heal(world, row)
    times = Times(began, healed, give_work(world, list(clients.values())))
    wait_until(lambda: all(c.event('done', 'back') for c in clients.values()), PATIENCE)
    return [seen(client, budget, times, blocked[budget], sockets[budget])
            for budget, client in clients.items()]


def look(world: World, clients: dict[int | None, Client]) -> dict[int | None, str]:
    lines = world.sockets()
    return {budget: client.socket(lines) for budget, client in clients.items()}


def begin(world: World, row: Row, clients: list[Client]) -> float:
    """Returns when the clock starts: when the fault is complete, and those that are to send a
    command into it are told to."""
    row.fault.strike(world)
    time.sleep(row.start_after)
    began = time.monotonic()
    for client in clients:
        if not client.waits:
            client.tell_to_go()
    return began


def tune(world: World, clients: dict[int | None, Client], build: str) -> float:
    """From outside, what the guard would have set. Returns when the clock starts."""
    for budget, client in clients.items():
        if budget:
            subprocess.run([*world.inside('near'), f'{build}/redisguard', '--tune',
                            str(client.process.pid), '--detect', str(budget)],
                           check=True, stdout=subprocess.DEVNULL)
    return time.monotonic()


def heal(world: World, row: Row) -> float:
    began = time.monotonic()
    row.fault.heal(world)
    return began


def give_work(world: World, clients: list[Client]) -> float:
    """What those in BRPOP wait for. (What is pushed for a client that has left would go to the
    connection that it has lost, which the server may still hold.)"""
    began = time.monotonic()
    for client in clients:
        if client.waits and not client.event('lost'):
            world.ask('LPUSH', client.queue, 'job')
    return began


def time_back(client: Client, times: Times) -> float | None:
    """Until it was at work again, from when it could be. A new connection may work before the fault
    is healed: a server that has rebooted takes it, a middlebox lets it pass."""
    lost, back, done = client.event('lost'), client.event('back'), client.event('done')
    if lost and back:
        return back.at - (max(lost.at, times.healed) if back.at > times.healed else lost.at)
    if done:
        return max(0.0, done.at - max(times.healed, times.pushed if client.waits else 0))
    return None


def seen(client: Client, budget: int | None, times: Times, blocked: bool, socket: str) -> Seen:
    ready, lost, done = client.event('ready'), client.event('lost'), client.event('done')
    return Seen(
        budget=budget,
        blocked=blocked,
        noticed=lost.at - times.began if lost else None,
        error=lost.text if lost else client.complaints(),
        finished=done.at - times.began if done else None,
        back=time_back(client, times),
        same=bool(done and ready and done.text == ready.text),
        socket=socket)
