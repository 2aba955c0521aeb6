"""Was the promise kept? One function a promise of rows.py; each returns what is wrong, or ''.
Called by lab.
"""
import job_rows
from experiment import Seen
from job_rows import CURED, LOST, MOSTLY, JobRow
from jobs import Counts
from rows import BLOCKED, NOTICES, UNHARMED, Row

MARGIN = 1.0  # s, beside the budget


def noticed_in_time(row: Row, client: Seen) -> str:
    if client.noticed is None:
        return 'never noticed'
    budget = row.rounds * (client.budget or 0)
    if client.noticed > budget + MARGIN:
        return f'noticed only after {client.noticed:.2f} s of {budget}'
    if client.back is None and not row.tuned:  # its handshake is the kernel's own
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


# ---- jobs ----

def least_with_guard(row: JobRow, with_off: int) -> float:
    return {CURED: row.jobs, job_rows.UNHARMED: row.jobs, LOST: row.jobs - row.workers,
            MOSTLY: (row.jobs + 3 * with_off) / 4}[row.promise]


def complaints_about_jobs(row: JobRow, counts: Counts) -> list[str]:
    without, off, on = (counts['after', setting] for setting in ('without', 'off', 'on'))
    wrong = []
    if without < row.jobs:
        wrong.append(f'without the guard {without} of {row.jobs} jobs arrived')
    if on < least_with_guard(row, off):
        wrong.append(f'with the guard {on} of {row.jobs} jobs arrived')
    if row.promise == job_rows.UNHARMED and off < row.jobs:
        wrong.append(f'with RESET_HALF_OPEN=0 {off} of {row.jobs} jobs arrived')
    if row.promise in (CURED, MOSTLY) and off == row.jobs:
        wrong.append('with RESET_HALF_OPEN=0 no job was lost: there was no fault')
    return wrong
