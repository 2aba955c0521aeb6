"""Celery's own workers, each with a pool of one process. The lab calls it as:
worker_celery.py HOST PORT QUEUE WORKERS SECONDS (ignored), and to push jobs as: worker_celery.py
push SOCKET QUEUE JOB...
"""
import os
import sys

import celery
from supervise import supervise

app = celery.Celery('worker_celery', broker=os.environ.get('BROKER'))


@app.task
def done(job: str) -> None:
    os.write(1, f'job {job}\n'.encode())


def push(socket: str, queue: str, *jobs: str) -> None:
    app.conf.broker_url = f'redis+socket://{socket}'
    for job in jobs:
        app.send_task('worker_celery.done', (job,), queue=queue)


def main(host: str, port: str, queue: str, workers: str, _: str) -> None:
    os.environ.update(BROKER=f'redis://{host}:{port}/0', PYTHONDONTWRITEBYTECODE='1')
    os.chdir(os.path.dirname(os.path.abspath(__file__)))

    def work(number: int) -> None:
        os.execvp(sys.executable, [
            sys.executable, '-m', 'celery', '--app', 'worker_celery', 'worker', '--concurrency',
            '1', '--queues', queue, '--hostname', f'{number}@{queue}', '--loglevel', 'warning'])

    supervise(int(workers), work)


if __name__ == '__main__':
    if sys.argv[1] == 'push':
        push(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
