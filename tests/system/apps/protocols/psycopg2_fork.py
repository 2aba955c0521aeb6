"""psycopg2_fork.py PORT: connects to PostgreSQL, forks a child that makes a query on the connection
and closes it, then makes a query itself. Prints the keepalive of the connection, and a line for
each query.
"""
import os
import socket
import sys

import psycopg2

connection = psycopg2.connect(host='127.0.0.1', port=sys.argv[1], user='test', dbname='postgres')


def session() -> str:
    with connection.cursor() as cursor:
        cursor.execute('SELECT pg_backend_pid()')
        return str(cursor.fetchone()[0])


def attempt(who: str) -> None:
    try:
        print(who, 'same session' if session() == begun else 'another session', flush=True)
    except psycopg2.OperationalError:
        print(who, 'error', flush=True)


begun = session()
copy = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
print('KEEPIDLE', copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), flush=True)
copy.close()

child = os.fork()
if child == 0:
    attempt('child:')
    connection.close()
    os._exit(0)
os.waitpid(child, 0)
attempt('parent:')
