"""RQ's own workers, a process each. The lab calls it as: worker_rq.py HOST PORT QUEUE WORKERS
OPTIONS (of the URL, or 0), and to push jobs as: worker_rq.py push SOCKET QUEUE JOB...
"""
import os
import sys

import redis
import rq
from supervise import supervise


def done(job: str) -> None:
    os.write(1, f'job {job}\n'.encode())


def push(socket: str, queue: str, *jobs: str) -> None:
    target = rq.Queue(queue, connection=redis.Redis(unix_socket_path=socket))
    for job in jobs:
        target.enqueue('worker_rq.done', job)


def main(host: str, port: str, queue: str, workers: str, options: str) -> None:
    url = f'redis://{host}:{port}/0' + (f'?{options}' if options != '0' else '')

    def work(_: int) -> None:
        connection = redis.Redis.from_url(url)
        rq.Worker([queue], connection=connection).work(logging_level='WARNING')

    supervise(int(workers), work)


if __name__ == '__main__':
    if sys.argv[1] == 'push':
        push(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
