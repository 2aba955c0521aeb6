"""RQ's own workers, a process each, started again whenever they end, as a supervisor does. The lab
calls it as: worker_rq.py HOST PORT QUEUE WORKERS OPTIONS (of the URL, or 0), and to push jobs as:
worker_rq.py push SOCKET QUEUE JOB...
"""
import os
import sys
import time

import redis
import rq


def done(job: str) -> None:
    os.write(1, f'job {job}\n'.encode())


def push(socket: str, queue: str, *jobs: str) -> None:
    target = rq.Queue(queue, connection=redis.Redis(unix_socket_path=socket))
    for job in jobs:
        target.enqueue('worker_rq.done', job)


def work(url: str, queue: str) -> None:
    connection = redis.Redis.from_url(url)
    rq.Worker([queue], connection=connection).work(logging_level='WARNING')


def supervise(url: str, queue: str) -> None:
    while True:
        worker = os.fork()
        if worker == 0:
            try:
                work(url, queue)
            finally:
                os._exit(0)
        os.waitpid(worker, 0)
        os.write(1, b'ended \n')
        time.sleep(1)


def main(host: str, port: str, queue: str, workers: str, options: str) -> None:
    url = f'redis://{host}:{port}/0' + (f'?{options}' if options != '0' else '')
    for _ in range(int(workers)):
        if os.fork() == 0:
            supervise(url, queue)
    for _ in range(int(workers)):
        os.wait()


if __name__ == '__main__':
    if sys.argv[1] == 'push':
        push(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
