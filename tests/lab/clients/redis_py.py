"""redis-py without any timeout: does one thing, says what came of it, and after an error works
again as soon as it can. The lab calls it as: redis_py.py HOST PORT brpop|get|connect QUEUE
"""
import sys
import time

import redis

host, port, what, queue = sys.argv[1:]
ERRORS = (redis.ConnectionError, redis.TimeoutError)


def say(event: str, text: object = '') -> None:
    print(event, str(text).replace('\n', ' '), flush=True)


def connection() -> redis.Redis:
    return redis.Redis(host=host, port=int(port))


def work_again() -> None:
    while True:
        try:
            connection().incr('work')
            return say('back')
        except ERRORS:
            time.sleep(0.05)


try:
    client = connection()
    say('ready', '' if what == 'connect' else client.client_id())
    if what == 'brpop':
        client.brpop(queue, 0)
    else:
        sys.stdin.readline()
        client.get('key')  # connects only now, if it has not yet
    say('done', client.client_id())
except ERRORS as lost:
    say('lost', lost)
    work_again()
