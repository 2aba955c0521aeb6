"""Called in the master when it ends."""
import sys


def on_exit(server):
    import application

    same = application.client_id() == application.opened
    print("master:", "same connection" if same else "another", file=sys.stderr)
