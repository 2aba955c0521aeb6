"""memcache_fork.py PORT: connects to memcached, then forks four children. All five ask for keys of
their own at the same time, over the client that they share. Prints how many replies were wrong.
"""
import os
import sys

import memcache

CHILDREN = 4
GETS = 500

client = memcache.Client([f'127.0.0.1:{sys.argv[1]}'], socket_timeout=2, dead_retry=0)
for number in range(CHILDREN + 1):
    client.set(f'key{number}', f'value{number}')


def wrong(number: int) -> int:
    replies = [client.get(f'key{number}') for _ in range(GETS)]
    return sum(reply not in (f'value{number}', None) for reply in replies)


pipe, children = os.pipe()
for number in range(CHILDREN):
    if os.fork() == 0:
        count = wrong(number)
        os.write(children, f'child: {"wrong replies" if count else "right"}\n'.encode())
        os._exit(0)
count = wrong(CHILDREN)
for _ in range(CHILDREN):
    os.wait()
sys.stdout.write(os.read(pipe, 4096).decode())
print('parent:', 'wrong replies' if count else 'right')
