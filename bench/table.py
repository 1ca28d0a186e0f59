"""The figures as tables that can be read as they are, and are Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .results import (
    GrowthFigures,
    IdleFigures,
    JobFigures,
    Outcome,
    PeerFigures,
    StartFigures,
    medians,
    medians_by,
    runs_of,
)
from .targets import Target, by_files
from .transfers import AWS, S5CMD

Row = Sequence[str]

JOBS = (
    "scenario", "jobs", "bound s", "makespan s", "ratio", "own s", "calls/job", "batch", "logs", "s3", "sts",
    "throttled", "after 1 min", "CPU s", "per 1,000", "memory MB", "sent MB", "noticed s",
)  # fmt: skip
IDLE = ("scenario", "jobs", "seconds", "CPU s", "DescribeJobs/s", "calls/s", "memory MB")
START = ("scenario", "CPU s", "seconds", "memory MB", "modules", "of boto3, botocore, rich")
TRANSFERS = ("files", "client", "seconds", "aws / it", "s5cmd / it", "CPU s", "memory MB")
PEERS = (
    "client", "jobs", "bound s", "makespan s", "times the bound", "calls/job", "refused", "CPU s", "memory MB", "lost",
    "submitted again",
)  # fmt: skip
GROWTH = ("how", "jobs", "makespan s", "CPU s", "ms a job", "memory MB", "calls", "a job")
TARGETS = ("scenario", "what", "must be", "is", "")


def tables(outcomes: Iterable[Outcome], targets: Sequence[Target]) -> str:
    """A table for each kind of scenario, and the targets, if there are any."""
    outcomes = list(outcomes)
    parts = [
        _table(JOBS, _job_rows(outcomes)),
        _table(IDLE, _idle_rows(outcomes)),
        _table(START, _start_rows(outcomes)),
        _table(TRANSFERS, _transfer_rows(outcomes), texts=2),
        _table(PEERS, _peer_rows(outcomes)),
        _table(GROWTH, _growth_rows(outcomes)),
        _table(TARGETS, map(_target_row, targets), texts=2),
    ]
    return "\n\n".join(filter(None, parts))


def _job_rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    for outcome in outcomes:
        if runs := [run for run in outcome.runs if isinstance(run, JobFigures)]:
            one = medians(runs)
            yield (
                outcome.scenario, f"{one.jobs:,.0f}", _number(one.bound, 1), _number(one.makespan, 1),
                _number(one.ratio, 2), _number(one.own, 1), _number(one.calls, 2), _number(one.batch, 2),
                _number(one.logs, 2), _number(one.s3, 2), _number(one.sts, 2), _number(one.throttled, 0),
                _number(one.throttled_later, 0), _number(one.cpu, 1), _number(one.cpu_per_1000, 1),
                _number(one.memory, 0), _number(one.sent, 1), _number(one.noticed, 1),
            )  # fmt: skip


def _idle_rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    for outcome in outcomes:
        if runs := [run for run in outcome.runs if isinstance(run, IdleFigures)]:
            one = medians(runs)
            rates = (_number(one.describes, 2), _number(one.calls, 2))
            yield (outcome.scenario, f"{one.jobs:,.0f}", _number(one.seconds, 0), _number(one.cpu, 2), *rates,
                   _number(one.memory, 0))  # fmt: skip


def _start_rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    for outcome in outcomes:
        if runs := [run for run in outcome.runs if isinstance(run, StartFigures)]:
            one = medians(runs)
            yield (outcome.scenario, _number(one.cpu, 3), _number(one.seconds, 3), _number(one.memory, 0),
                   _number(one.modules, 0), _number(one.heavy, 0))  # fmt: skip


def _transfer_rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    for outcome in outcomes:
        for what, by_peer in by_files(outcome.runs).items():
            for peer, one in by_peer.items():
                ratios = (_number(by_peer[other].seconds / one.seconds, 2) for other in (AWS, S5CMD))
                yield what, peer, _number(one.seconds, 2), *ratios, _number(one.cpu, 2), _number(one.memory, 0)


def _peer_rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    for one in medians_by(runs_of(outcomes), PeerFigures, lambda run: run.client).values():
        yield (one.client, f"{one.jobs:,.0f}", _number(one.bound, 1), _number(one.makespan, 1),
               _number(one.makespan / one.bound, 1), _number(one.calls, 2), _number(one.refused, 0),
               _number(one.cpu, 1), _number(one.memory, 0), _number(one.lost, 0), _number(one.again, 0))  # fmt: skip


def _growth_rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    for one in medians_by(runs_of(outcomes), GrowthFigures, lambda run: (run.how, run.jobs)).values():
        yield (one.how, f"{one.jobs:,.0f}", _number(one.makespan, 1), _number(one.cpu, 2),
               _number(1000 * one.cpu / one.jobs, 2), _number(one.memory, 0), _number(one.calls, 0),
               _number(one.calls / one.jobs, 3))  # fmt: skip


def _target_row(target: Target) -> Row:
    sign = "<=" if target.at_most else ">="
    return (target.scenario, target.what, f"{sign} {target.limit:g}", _number(target.measured, 2),
            "reached" if target.reached else "MISSED")  # fmt: skip


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _table(head: Row, rows: Iterable[Row], texts: int = 1) -> str:
    """A table whose first columns are texts, and whose others are numbers; "" without rows."""
    body = [list(row) for row in rows]
    if not body:
        return ""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    rule = ["-" * width if place < texts else "-" * (width - 1) + ":" for place, width in enumerate(widths)]

    def line(cells: Iterable[str]) -> str:
        padded = (
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(head), line(rule), *map(line, body)])
