"""
What a master in Python and its forked children do with one connection, whatever the client: the
scenarios of clients.c, which says what each prints. A client's own file gives run() an object with
get, set (ok or queued), id, messages (a generator), pop, begin and commit.
"""
import os
import signal
import sys

PATIENCE = int(os.environ["PATIENCE"])


def say(name, value):
    os.write(1, f"{name} {value}\n".encode())


def outcome(call, *arguments, times_patience=1):
    """
    What the call returns, or the kind of error that it raises. SIGALRM ends the process if it does
    neither.
    """
    signal.alarm(times_patience * PATIENCE)
    try:
        return call(*arguments)
    except Exception as error:
        return type(error).__name__
    finally:
        signal.alarm(0)


def answer(client, key):
    return outcome(lambda: "right" if client.get(key) == key else "wrong")


def work(client, worker):
    for get in range(int(os.environ["GETS"])):
        found = answer(client, f"key:{worker}:{get}")
        if get == 0:
            say("first", found)
        if found != "right":
            say("reply", found)
    say("database", outcome(client.get, "where"))


def start(job, *arguments):
    child = os.fork()
    if child == 0:
        job(*arguments)
        sys.exit(0)
    return child


def say_how_it_ended(status):
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        say("child", "stuck" if number == signal.SIGALRM else f"killed by {number}")
    elif status != 0:
        say("child", f"exit {os.WEXITSTATUS(status)}")


def wait_for(children):
    for child in children:
        say_how_it_ended(os.waitpid(child, 0)[1])


def say_whose(client, before):
    say("master", outcome(lambda: "same" if client.id() == before else "other"))


def gets(client):
    before = client.id()
    wait_for([start(work, client, worker) for worker in range(int(os.environ["WORKERS"]))])
    say_whose(client, before)


def work_when_told(client):
    sys.stdin.readline()
    work(client, 0)
    say("worked", outcome(client.set, "worked", "yes"))


def pop(client):
    before = client.id()
    child = start(work_when_told, client)
    say("popped", outcome(client.pop, "queue", times_patience=2))
    wait_for([child])
    say_whose(client, before)


def multi(client):
    before = client.id()
    client.begin()
    client.set("of-master", "1")
    wait_for([start(lambda: say("child", outcome(client.set, "of-child", "1")))])
    say("transaction", outcome(lambda: len(client.commit())))
    say_whose(client, before)


def hear_one(messages):
    next(messages)
    return "heard"


def lost_until_end_of(child, messages, last):
    """Counts up to the first message after the child's end: it may have taken any before that."""
    lost = 0
    ended = False
    for number in messages:
        signal.alarm(2 * PATIENCE)
        lost += number - last - 1
        last = number
        if ended:
            return lost
        pid, status = os.waitpid(child, os.WNOHANG)
        ended = pid == child
        if ended:
            say_how_it_ended(status)


def subscribe(client):
    messages = client.messages(os.environ["CHANNEL"])
    last = next(messages)
    child = start(lambda: say("child", outcome(hear_one, messages)))
    say("forked", "yes")
    say("lost", outcome(lost_until_end_of, child, messages, last, times_patience=2))


def run(version, client, scenario):
    say("version", version)
    globals()[scenario](client)
