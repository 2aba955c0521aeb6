"""redis_py.py pool|connection SCENARIO"""
import os
import sys

import redis

from scenarios import run

LOGIN = {
    "host": os.environ["REDIS_HOST"],
    "port": int(os.environ["REDIS_PORT"]),
    "password": os.environ["REDIS_PASSWORD"],
    "db": int(os.environ["REDIS_DATABASE"]),
    "decode_responses": True,
}
CA = os.environ["REDIS_CA"]


class OverPool:
    def __init__(self):
        tls = {"ssl": True, "ssl_ca_certs": CA} if CA else {}
        self.redis = redis.Redis(**LOGIN, **tls)

    def get(self, key):
        return self.redis.get(key)

    def set(self, key, value):
        reply = self.redis.execute_command("SET", key, value)
        return "ok" if reply is True else str(reply).lower()

    def id(self):
        return self.redis.client_id()

    def messages(self, channel):
        subscription = self.redis.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(channel)
        return (int(message["data"]) for message in subscription.listen())

    def pop(self, key):
        return " ".join(self.redis.blpop(key))

    def begin(self):
        self.redis.execute_command("MULTI")

    def commit(self):
        return self.redis.execute_command("EXEC")


class OverConnection:
    """One connection, and nobody between it and the program who would look at the pid."""

    def __init__(self):
        kind = redis.SSLConnection if CA else redis.Connection
        self.connection = kind(**LOGIN, **({"ssl_ca_certs": CA} if CA else {}))
        self.connection.connect()

    def ask(self, *words):
        self.connection.send_command(*words)
        return self.connection.read_response()

    def get(self, key):
        return self.ask("GET", key)

    def set(self, key, value):
        return self.ask("SET", key, value).lower()

    def id(self):
        return self.ask("CLIENT", "ID")

    def messages(self, channel):
        self.ask("SUBSCRIBE", channel)
        while True:
            yield int(self.connection.read_response()[2])

    def pop(self, key):
        return " ".join(self.ask("BLPOP", key, "0"))

    def begin(self):
        self.ask("MULTI")

    def commit(self):
        return self.ask("EXEC")


run(redis.__version__, {"pool": OverPool, "connection": OverConnection}[sys.argv[1]](), sys.argv[2])
