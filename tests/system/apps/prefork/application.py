"""Gunicorn with --preload imports this in its master, before it forks its workers.

A worker waits until all workers have come, so that all speak at once, then asks for half a second
for fields whose value it knows. The master's last command is one that no worker says.
"""
import os
import time

import redis

client = redis.Redis(
    port=int(os.environ["REDIS_PORT"]),
    socket_timeout=float(os.environ["READ_TIMEOUT"]),
    decode_responses=True,
    single_connection_client=os.environ.get("SINGLE_CONNECTION") == "yes",
    retry_on_error=[redis.ConnectionError],
)
opened = client.client_id()
client.client_setname("master")


def client_id():
    try:
        return client.client_id()
    except Exception:  # a reply that is somebody else's may end in any
        return "lost"


def meet_all_workers():
    meeting = os.environ["MEETING"]
    open(f"{meeting}/{os.getpid()}", "w").close()
    while len(os.listdir(meeting)) < int(os.environ["WORKERS"]):
        time.sleep(0.002)


def hgets():
    tally = {"right": 0, "wrong": 0, "errors": 0}
    meet_all_workers()
    end = time.monotonic() + 0.5
    number = os.getpid()
    while time.monotonic() < end:
        number += 1
        field = number % 1000
        try:
            right = client.hget("proxy", field) == f"value-{field}"
            tally["right" if right else "wrong"] += 1
        except Exception:
            tally["errors"] += 1
    counts = " ".join(f"{name}={count}" for name, count in tally.items())
    return f"pid={os.getpid()} client={client_id()} {counts}\n"


def application(request, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [hgets().encode()]
