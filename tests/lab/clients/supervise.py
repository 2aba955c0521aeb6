"""What a supervisor does: workers, each started again whenever it ends. For the drivers of RQ and
Celery, whose workers may end with an error of the connection.
"""
import os
import time
from collections.abc import Callable


def supervise(workers: int, work: Callable[[int], None]) -> None:
    for number in range(workers):
        if os.fork() == 0:
            start_again_and_again(work, number)
    for _ in range(workers):
        os.wait()


def start_again_and_again(work: Callable[[int], None], number: int) -> None:
    while True:
        worker = os.fork()
        if worker == 0:
            try:
                work(number)
            finally:
                os._exit(0)
        os.waitpid(worker, 0)
        os.write(1, b'ended \n')
        time.sleep(1)
