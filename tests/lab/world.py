"""One world a row of the table: three network namespaces in a line, near - middle - far, clients in
the first, a router in the second, redis-server in the third. Knows ip(8), nft(8) and ss(8); what is
broken in a world, and when, faults.py and experiment.py decide. Nothing has to be cleaned up: a
world lies within the namespaces that the whole lab runs in (see lab) and ends with them.
"""
import os
import subprocess
import time
from collections.abc import Callable

HOST = '10.0.2.2'
PORT = 6379

# Every end of a cable is called after the place that it leads to.
NETWORK = '''
link add near netns {middle} type veth peer name middle netns {near}
link add far netns {middle} type veth peer name middle netns {far}
'''
ADDRESSES = {
    'near': 'addr add 10.0.1.2/24 dev middle\nlink set middle up\nroute add default via 10.0.1.1\n',
    'middle': 'addr add 10.0.1.1/24 dev near\nlink set near up\n'
              'addr add 10.0.2.1/24 dev far\nlink set far up\n',
    'far': f'addr add {HOST}/24 dev middle\nlink set middle up\nroute add default via 10.0.2.1\n',
}


def call(argv: list[str], text: str = '') -> str:
    """What a command prints. It must not fail."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'{argv}: {done.stdout}{done.stderr}')
    return done.stdout


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


class World:
    def __init__(self, name: str, directory: str) -> None:
        self.name = name
        self.directory = os.path.join(directory, name)
        self.control = os.path.join(self.directory, 'control.sock')
        os.mkdir(self.directory)
        for place in ADDRESSES:
            call(['ip', 'netns', 'add', self.namespace(place)])
        call(['ip', '-batch', '-'], NETWORK.format(**{p: self.namespace(p) for p in ADDRESSES}))
        for place, lines in ADDRESSES.items():
            self.ip(place, lines)
        self.write('middle', 'net/ipv4/ip_forward', 1)
        # A pipeline is full sooner.
        self.write('near', 'net/ipv4/tcp_wmem', '4096 16384 262144')
        self.write('far', 'net/ipv4/tcp_rmem', '4096 131072 262144')
        self.others: list[subprocess.Popen] = []
        self.start_server()

    def namespace(self, place: str) -> str:
        return f'{self.name}-{place}'

    def inside(self, place: str) -> list[str]:
        """Before a command: that it runs there."""
        return ['nsenter', f'--net=/run/netns/{self.namespace(place)}', '--']

    def ip(self, place: str, lines: str) -> None:
        call(['ip', '-n', self.namespace(place), '-batch', '-'], lines)

    def nft(self, place: str, rules: str) -> None:
        call([*self.inside(place), 'nft', '-f', '-'], rules)

    def write(self, place: str, setting: str, value: object) -> None:
        call([*self.inside(place), 'tee', f'/proc/sys/{setting}'], str(value))

    def start(self, place: str, argv: list[str]) -> None:
        self.others.append(subprocess.Popen([*self.inside(place), *argv],
                                            stdout=subprocess.DEVNULL))

    def listens(self, place: str, port: int) -> bool:
        return call([*self.inside(place), 'ss', '-Htln', f'sport = :{port}']) != ''

    def end(self) -> None:
        self.kill_server()
        for process in self.others:
            process.kill()
            process.wait()

    # ---- the machine on the far side ----

    def start_server(self) -> None:
        with open(os.path.join(self.directory, 'server.log'), 'a', encoding='utf-8') as log:
            self.server = subprocess.Popen(
                [*self.inside('far'), 'redis-server', '--bind', HOST, '--port', str(PORT),
                 '--unixsocket', self.control, '--dir', self.directory, '--save', '',
                 '--protected-mode', 'no', '--tcp-keepalive', '300', '--loglevel', 'warning'],
                stdout=log, stderr=log)
        if not wait_until(lambda: self.ask('PING') == 'PONG', 10):
            raise RuntimeError('redis-server does not start')

    def kill_server(self) -> None:
        self.server.kill()
        self.server.wait()

    def ask(self, *words: str) -> str:
        """A question to the server that no fault concerns: through its Unix socket."""
        return subprocess.run(['redis-cli', '-s', self.control, *words], capture_output=True,
                              text=True).stdout.strip()

    def replace_far_machine(self) -> None:
        """Another kernel, which knows of no connection; the same address."""
        call(['ip', '-n', self.namespace('middle'), 'link', 'delete', 'far'])
        call(['ip', 'netns', 'delete', self.namespace('far')])
        call(['ip', 'netns', 'add', self.namespace('far')])
        call(['ip', '-n', self.namespace('middle'), 'link', 'add', 'far', 'type', 'veth', 'peer',
              'name', 'middle', 'netns', self.namespace('far')])
        self.ip('middle', 'addr add 10.0.2.1/24 dev far\nlink set far up\n')
        self.ip('far', ADDRESSES['far'])

    # ---- what the kernel on the near side says ----

    def sockets(self) -> list[str]:
        return call([*self.inside('near'), 'ss', '-Htnop', 'dst', HOST]).splitlines()
