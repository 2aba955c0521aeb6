"""Was the promise kept? One function a promise of rows.py; each returns what is wrong, or ''.
Called by lab.
"""
from experiment import Seen
from rows import BLOCKED, NOTICES, UNHARMED, Row

MARGIN = 1.0  # s, beside the budget


def noticed_in_time(row: Row, client: Seen) -> str:
    if client.noticed is None:
        return 'never noticed'
    budget = row.rounds * (client.budget or 0)
    if client.noticed > budget + MARGIN:
        return f'noticed only after {client.noticed:.2f} s of {budget}'
    if client.back is None:
        return 'not back at work after the fault was healed'
    return ''


def unharmed(_: Row, client: Seen) -> str:
    if client.noticed is not None:
        return f'a false alarm after {client.noticed:.2f} s: {client.error}'
    if client.finished is None:
        return 'its command did not complete'
    return '' if client.same else 'on another connection'


def still_blocked(_: Row, client: Seen) -> str:
    if client.noticed is not None:
        return f'it noticed, after {client.noticed:.2f} s'
    return '' if client.blocked else 'it was not blocked: there was no fault'


CHECKS = {NOTICES: noticed_in_time, UNHARMED: unharmed, BLOCKED: still_blocked}


def complaint(row: Row, client: Seen) -> str:
    return CHECKS[row.guarded if client.budget else row.without](row, client)
