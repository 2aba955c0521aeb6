"""Workers in redis-py, a process each, that take jobs with BRPOP and go on after any error. The lab
and tests/system/dead_peer/outage.c call it as: worker_redis_py.py HOST PORT QUEUE WORKERS SECONDS (of the
workers' own read timeout; 0: none, and then redis-py's connect blocks)
"""
import os
import sys
import time

import redis

host, port, queue, workers, seconds = sys.argv[1:]


def say(event: str, text: object = '') -> None:
    sys.stdout.write(f'{event} {text}'.replace('\n', ' ') + '\n')
    sys.stdout.flush()


def work() -> None:
    client = redis.Redis(host=host, port=int(port), socket_timeout=float(seconds) or None)
    client.connection_pool.connection_class = Announced
    while True:
        try:
            say('job', client.brpop(queue, 0)[1].decode())
        except (redis.ConnectionError, redis.TimeoutError) as lost:
            say('lost', lost)
            time.sleep(0.05)


class Announced(redis.Connection):
    def on_connect(self) -> None:
        super().on_connect()
        say('connected')


for _ in range(int(workers)):
    if os.fork() == 0:
        work()
for _ in range(int(workers)):
    os.wait()
