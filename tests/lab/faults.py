"""The faults: what is done to a world, and what undoes it. Called by experiment.py; rows.py says
which client meets which fault.
"""
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from world import HOST, World

Act = Callable[[World], None]


def nothing(_: World) -> None:
    pass


@dataclass(frozen=True)
class Fault:
    key: str
    name: str
    strike: Act
    heal: Act = nothing
    before: Act = nothing  # what stands in the way from the beginning, before a client connects


def filter_in_middle(rule: str) -> Act:
    """The router drops what the rule says, and says nothing itself."""
    def act(world: World) -> None:
        world.nft('middle', 'table ip fault {\n chain forward {\n'
                            f'type filter hook forward priority 0\n{rule}\n}}\n}}\n')
    return act


def remove_filter(world: World) -> None:
    world.nft('middle', 'delete table ip fault')


drop_everything = filter_in_middle('drop')


# ---- the far machine and its cable ----

def take_address(world: World) -> None:
    world.ip('far', f'addr delete {HOST}/24 dev middle\n')


def give_address_back(world: World) -> None:
    world.ip('far', f'addr add {HOST}/24 dev middle\nroute replace default via 10.0.2.1\n')


def pull_cable(world: World) -> None:
    world.ip('far', 'link set middle down\n')


def plug_cable_in(world: World) -> None:
    world.ip('far', 'link set middle up\nroute replace default via 10.0.2.1\n')


# ---- the server ----

def kill_unheard(world: World) -> None:
    """Its kernel tears the connections down at once (ss -K), and no one hears of it."""
    filter_in_middle('tcp flags & (fin | rst) != 0 drop')(world)
    subprocess.run([*world.inside('far'), 'ss', '-K', 'src', HOST], capture_output=True, check=True)
    world.kill_server()


def start_again(world: World) -> None:
    remove_filter(world)
    world.start_server()


def reboot(world: World) -> None:
    drop_everything(world)
    world.kill_server()
    world.replace_far_machine()
    world.start_server()
    remove_filter(world)


def stop(world: World) -> None:
    world.server.send_signal(signal.SIGSTOP)


def go_on(world: World) -> None:
    world.server.send_signal(signal.SIGCONT)


# ---- a middlebox ----

FORGETS_AFTER = 2  # s


def forget_idle_flows(world: World) -> None:
    """A packet of a flow that it does not know, and that opens none, is dropped."""
    filter_in_middle('ct state invalid drop')(world)
    world.write('middle', 'net/netfilter/nf_conntrack_tcp_loose', 0)
    world.write('middle', 'net/netfilter/nf_conntrack_tcp_timeout_established', FORGETS_AFTER)


SILENT_DROP = Fault('drop', 'silent drop', drop_everything, remove_filter)
NO_ADDRESS = Fault('address', "the far host's address is gone", take_address, give_address_back)
NO_LINK = Fault('link', "the far host's link is down", pull_cable, plug_cable_in)
KILLED = Fault('killed', 'server killed, its FIN and RST dropped', kill_unheard, start_again)
REBOOTED = Fault('rebooted', 'server rebooted', reboot)
FORGETFUL = Fault('forgetful', f'a middlebox forgets a flow idle for {FORGETS_AFTER} s',
                  nothing, before=forget_idle_flows)
STOPPED = Fault('stopped', 'server stopped (SIGSTOP) and continued', stop, go_on)
LOSS = Fault('loss', '30 % of the packets to the server lost',
             filter_in_middle('iifname "near" numgen random mod 100 < 30 drop'), remove_filter)
