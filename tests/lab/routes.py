"""What lies between workers and server, and how the outage comes and goes there. Called by jobs.py;
job_rows.py says which workers meet which route.
"""
import os
from dataclasses import dataclass

from faults import Act, drop_everything, filter_in_middle, nothing, remove_filter
from world import HOST, PORT, World, wait_until

MIDDLE = '10.0.1.1'


@dataclass(frozen=True)
class Route:
    key: str
    name: str
    before: Act = nothing
    strike: Act = drop_everything
    heal: Act = remove_filter
    host: str = HOST  # that the workers connect to


def middlebox(rules: str) -> Act:
    return lambda world: world.nft('middle', f'table ip middlebox {{\n{rules}\n}}\n')


FORWARD = 'chain forward {\n type filter hook forward priority 0\n'

masquerade = middlebox('chain source {\n type nat hook postrouting priority 100\n'
                       ' oifname "far" masquerade\n}\n' + FORWARD + ' ct state invalid drop\n}')

strict = middlebox(FORWARD + ''' policy drop
 ct state established,related accept
 ct state new tcp flags & (syn | ack) == syn accept
}''')

# The first SYN from an address and port passes, no later one.
swallow_second_syn = middlebox('''set seen {
 typeof ip saddr . tcp sport
 flags dynamic
}
''' + FORWARD + ''' tcp flags & (syn | ack) != syn accept
 ip saddr . tcp sport @seen drop
 add @seen { ip saddr . tcp sport }
}''')


def lose_one_in_ten(world: World) -> None:
    remove_filter(world)
    filter_in_middle('numgen random mod 100 < 10 drop')(world)


# ---- a proxy on the router: the outage is on the workers' side of it ----

HAPROXY = f'''
defaults
 mode tcp
 timeout connect 5s
 timeout client 1h
 timeout server 1h
listen redis
 bind {MIDDLE}:{PORT}
 server redis {HOST}:{PORT}
'''


def start_haproxy(world: World) -> None:
    configuration = os.path.join(world.directory, 'haproxy.cfg')
    with open(configuration, 'w', encoding='utf-8') as file:
        file.write(HAPROXY)
    world.start('middle', ['haproxy', '-q', '-f', configuration])
    if not wait_until(lambda: world.listens('middle', PORT), 10):
        raise RuntimeError('haproxy does not start')


def cut_off_proxy(world: World) -> None:
    """Each end drops what comes in: what is dropped on its way out is an error to its sender."""
    for place, device in ('near', 'middle'), ('middle', 'near'):
        world.nft(place, 'table ip fault {\n chain input {\n type filter hook input priority 0\n'
                         f'iifname "{device}" drop\n}}\n}}\n')


def reconnect_proxy(world: World) -> None:
    for place in 'near', 'middle':
        world.nft(place, 'delete table ip fault')


ROUTED = Route('routed', 'a router')
MASQUERADE = Route('masquerade', 'masquerade', masquerade)
STRICT = Route('strict', 'a firewall that drops invalid packets', strict)
SWALLOWS = Route('swallows', 'a firewall that drops the second SYN from a port', swallow_second_syn)
LOSSY = Route('lossy', '10 % loss after the heal', heal=lose_one_in_ten)
PROXY = Route('haproxy', 'haproxy (TCP)', start_haproxy, cut_off_proxy, reconnect_proxy, MIDDLE)
