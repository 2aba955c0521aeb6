"""Connects in uWSGI's master, before the fork."""
import os

import redis
import uwsgi

client = redis.Redis(port=int(os.environ["PORT"]), single_connection_client=True)
client.ping()
uwsgi.post_fork_hook = lambda: print("worker=0 ready", flush=True)


def application(_, start_response):
    start_response("200 OK", [])
    return [client.echo("ok")]
