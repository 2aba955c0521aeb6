"""What was measured, written down: results.tsv for programs, report.md for readers, notice.svg to
look at. Called by lab.
"""
import itertools
import os
import platform
import subprocess
import time
from collections.abc import Iterable

from experiment import LOOK_AFTER, PATIENCE, Seen, limit_of
from job_rows import JobRow
from jobs import DETECT, PHASES, SETTINGS, Counts
from judge import complaint, complaints_about_jobs
from rows import BLOCKED, NOTICES, UNHARMED, Row

Results = list[tuple[Row, list[Seen]]]
JobResults = list[tuple[JobRow, Counts]]

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = {
    'redis-server': 'redis-server', 'PHP': 'php-cli', 'phpredis': 'php-redis',
    'predis': 'php-predis', 'hiredis': 'libhiredis-dev', 'redis-py': 'python3-redis',
    'Perl Redis': 'libredis-perl', 'redis-cli': 'redis-tools', 'RQ': 'python3-rq',
    'Celery': 'python3-celery', 'kombu': 'python3-kombu', 'haproxy': 'haproxy',
    'JVM socket': 'openjdk-17-jre-headless',
}


def write(out: str, results: Results, jobs: JobResults, limit: float, failures: list[str],
          first: list[str]) -> None:
    write_lines(out, 'results.tsv', map('\t'.join, machine_readable(results)))
    write_lines(out, 'jobs.tsv', map('\t'.join, machine_readable_jobs(jobs)))
    write_lines(out, 'report.md', readable(results, jobs, limit, failures, first))


def write_lines(out: str, name: str, lines: Iterable[str]) -> None:
    with open(os.path.join(out, name), 'w', encoding='utf-8') as file:
        file.writelines(f'{line}\n' for line in lines)


# ---- for programs ----

def number(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'


def machine_readable(results: Results) -> list[list[str]]:
    lines = [['row', 'told', 'promise', 'verdict', 'noticed', 'finished', 'back', 'same_connection',
              'error', 'ss']]
    for row, seen in results:
        for client in seen:
            lines.append([
                row.key, str(client.budget or '-'), row.guarded if client.budget else row.without,
                complaint(row, client) or 'kept', number(client.noticed), number(client.finished),
                number(client.back), 'yes' if client.same else 'no',
                ' '.join(client.error.split()) or '-', client.socket])
    return lines


def machine_readable_jobs(results: JobResults) -> list[list[str]]:
    """`during-without`: of the jobs pushed during the outage to workers without the guard, those
    that arrived; and so on."""
    columns = list(itertools.product(PHASES, SETTINGS))
    return [['row', 'promise', 'verdict', 'pushed_during', 'pushed_after',
             *map('-'.join, columns)],
            *[[row.key, row.promise, '; '.join(complaints_about_jobs(row, counts)) or 'kept',
               str(row.workers), str(row.jobs), *[str(counts[column]) for column in columns]]
              for row, counts in results]]


# ---- for readers ----

def version(package: str) -> str:
    shown = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package], capture_output=True,
                           text=True).stdout
    return shown.split(':')[-1].split('-')[0].split('+')[0] or 'of unknown version'


def versions(results: Results, jobs: JobResults) -> str:
    tested = {row.client for row, _ in [*results, *jobs]} | {row.route.key for row, _ in jobs}
    if tested & {'RQ', 'Celery'}:
        tested.add('redis-py')
    if tested & {'phpredis', 'predis'}:
        tested.add('PHP')
    return ', '.join(f'{name} {version(package)}' for name, package in PACKAGES.items()
                     if name in tested | {'redis-server'})


def table(header: list[str], lines: list[list[str]]) -> list[str]:
    return ['| ' + ' | '.join(cells) + ' |'
            for cells in [header, ['---'] * len(header), *lines]]


def readable(results: Results, jobs: JobResults, limit: float, failures: list[str],
             first: list[str]) -> list[str]:
    return [
        '# Measured by the fault laboratory',
        '',
        f'{time.strftime("%Y-%m-%d", time.gmtime())}, Linux {platform.release().split("-")[0]}; '
        f'{versions(results, jobs)}.',
        *(section_of_faults(results, limit) if results else []),
        *(section_of_jobs(jobs) if jobs else []),
        '',
        '**Every promise was kept.**' if not failures else '**Promises broken:**',
        *([''] if failures else []), *(f'- {failure}' for failure in failures),
        *(carried_out_again(first) if first else []),
        *(jobs_in_full(jobs) if jobs else []),
        *(section_in_full(results) if results else []),
    ]


def carried_out_again(first: list[str]) -> list[str]:
    return ['', 'Carried out again, alone, since the first time, beside the others, a promise was '
            'broken:', '', *(f'- {failure}' for failure in first)]


def section_of_faults(results: Results, limit: float) -> list[str]:
    return [
        '',
        'Each row is one fault that hits the same client several times at the same instant: '
        'without the guard, and with `--detect` set to each of the budgets. Seconds until its '
        'error, since the fault or, where a command goes out into it, since that.',
        '',
        *table(['fault', 'without', 'with redisguard'], short_lines(results, limit)),
        '',
        f'*Blocked*: noticed nothing for {limit:g} s; then the fault was healed. '
        f'*+ {PATIENCE} s*: nor was it at work by then. *Unharmed*: no error, the command '
        'completed, on the same connection (`CLIENT ID`).',
    ]


def section_of_jobs(jobs: JobResults) -> list[str]:
    return [
        '',
        '## Jobs that arrive after an outage',
        '',
        'Workers wait for jobs in BRPOP (RQ: BLPOP), the network drops every packet for '
        f'{JobRow.outage:g} s (where the row says so, longer or shorter), and heals. redis-server '
        f'has its default, `tcp-keepalive 300`; the guard, `--detect {DETECT}`. Then five jobs for '
        'each worker are pushed. Without the guard all arrive; here, those with '
        '`RESET_HALF_OPEN=0` → those with the default, `RESET_HALF_OPEN=1`.',
        '',
        *table(['workers', 'jobs', *distinct_routes(jobs)], short_job_lines(jobs)),
        '',
        'Under packet loss a client whose connect blocks (hiredis; the JVM; redis-py without a '
        'read timeout) waits until the old connection is proven gone; one whose connect does not '
        'block is held for 20 ms at most, and one connection in four may stay.',
    ]


def distinct_routes(jobs: JobResults) -> list[str]:
    return list(dict.fromkeys(row.route.name for row, _ in jobs))


def short_job_lines(jobs: JobResults) -> list[list[str]]:
    lines: dict[str, dict[str, str]] = {}
    for row, counts in jobs:
        line = lines.setdefault(row.label, {'': str(row.jobs)})
        line[row.route.name] = f'{counts["after", "off"]} → {counts["after", "on"]}'
    return [[label, line[''], *[line.get(route, '') for route in distinct_routes(jobs)]]
            for label, line in lines.items()]


def jobs_in_full(jobs: JobResults) -> list[str]:
    return [
        '',
        '## Jobs in full',
        '',
        '*Off*: `RESET_HALF_OPEN=0`. A job that is pushed during the outage, one for each worker, '
        'goes into the connection that is then given up.',
        '',
        *table(['workers', 'between', 'after the heal: without', 'off', 'with redisguard',
                'during the outage: without', 'off', 'with redisguard'],
               [job_line(row, counts) for row, counts in jobs]),
    ]


def job_line(row: JobRow, counts: Counts) -> list[str]:
    return [row.label, row.route.name,
            *[f'{counts["after", setting]} of {row.jobs}' for setting in SETTINGS],
            *[f'{counts["during", setting]} of {row.workers}' for setting in SETTINGS]]


def section_in_full(results: Results) -> list[str]:
    return [
        '',
        '## Faults in full',
        '',
        f'`back` is the time until the client had done real work again, since that was possible; '
        f'`ss -tno` was asked {LOOK_AFTER} s after the fault, and before it was healed.',
        '',
        *table(['fault', 'client', 'told', 'noticed', 'its error', 'back', '`ss -tno`'],
               [full_line(row, client) for row, seen in results for client in seen]),
    ]


def full_line(row: Row, client: Seen) -> list[str]:
    back = f'{client.back:.1f} s' if client.back is not None else 'not'
    return [row.label, row.client, f'{client.budget} s' if client.budget else '–',
            f'{client.noticed:.2f} s' if client.noticed is not None else '–',
            client.error if client.noticed is not None else '–', back, f'`{client.socket}`']


# ---- the first table: a line for phpredis and each fault, the other clients in two ----

def short_lines(results: Results, limit: float) -> list[list[str]]:
    def group(result: tuple[Row, list[Seen]]) -> object:
        row, _ = result
        if row.client != 'phpredis':
            return row.fault.key, row.rounds
        if row.without == row.guarded == UNHARMED:
            return row.fault.key, row.heal_after, row.options, row.budgets
        return row.key

    return [short_line(list(alike), limit)
            for _, alike in itertools.groupby(results, key=group)]


def distinct(values: Iterable[str]) -> str:
    return ', '.join(dict.fromkeys(values))


def short_line(alike: Results, limit: float) -> list[str]:
    rows = [row for row, _ in alike]
    clients = distinct(row.client for row in rows)
    label = f'{rows[0].title}: {distinct(row.doing for row in rows)}'
    return [label if clients == 'phpredis' else f'{clients}: {label}',
            together([short_without(row, seen[0], limit) for row, seen in alike]),
            short_with(alike)]


def together(states: list[str]) -> str:
    states = sorted(set(states))
    if len(states) > 1 and all(state[0].isdigit() for state in states):
        return f'{min(states, key=float)}–{max(states, key=float)}'
    return ' or '.join(states)


def short_without(row: Row, client: Seen, limit: float) -> str:
    if row.without != BLOCKED or not client.blocked:
        return short_state(client)
    more = f' + {PATIENCE}' if client.back is None else ''
    return f'blocked {limit_of(row, limit):g}{more} s'


def short_with(alike: Results) -> str:
    cells = {budget: together([short_state(client) for _, seen in alike for client in seen
                               if client.budget == budget])
             for budget in alike[0][0].budgets}
    if set(cells.values()) == {'unharmed'}:
        return f'unharmed (told {", ".join(map(str, cells))})'
    return ', '.join(f'{state} of {budget} s' for budget, state in cells.items())


def short_state(client: Seen) -> str:
    if client.noticed is not None:
        return f'{client.noticed:.1f}'
    return 'unharmed' if client.finished is not None and client.same else 'blocked'


# ---- the picture: where something is to be noticed ----

def draw(out: str, results: Results, limit: float) -> None:
    shown = [(row, seen) for row, seen in results
             if row.guarded == NOTICES and row.without == BLOCKED]
    if not shown:
        return
    lines = []
    for place, (row, seen) in enumerate(shown):
        for client in seen:
            column = row.budgets.index(client.budget) + 1 if client.budget else 0
            at = client.noticed if client.noticed is not None else limit_of(row, limit)
            told = row.rounds * (client.budget or 0)
            lines.append(f'{column}\t{len(shown) - place}\t{at:.3f}\t{told}\t'
                         f'{row.client}: {row.label}\n'.replace('`', ''))
    data = os.path.join(out, 'notice.tsv')
    with open(data, 'w', encoding='utf-8') as file:
        file.writelines(lines)
    subprocess.run(['gnuplot', '-e', f"data='{data}'; out='{out}/notice.svg'; rows={len(shown)}; "
                    f'limit={limit:g}', os.path.join(HERE, 'notice.gnuplot')], check=True)
