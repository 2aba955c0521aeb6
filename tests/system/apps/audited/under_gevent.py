"""redis-py under gevent: one greenlet waits in BLPOP."""
import os

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402
import redis  # noqa: E402

client = redis.Redis(port=int(os.environ["PORT"]))
gevent.spawn(client.blpop, "nothing").join()
