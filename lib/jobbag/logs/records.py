"""Pure: the records in a job's stdout that Pegasus parses (the manual page, OUTPUT).

Its parsers end a quoted value at the first `"` or `]`, so neither may stand in one.
"""

from __future__ import annotations

import re

from jobbag.bag.job import Job
from jobbag.errors import PROG
from jobbag.events.observation import Observation
from jobbag.text import iso, one_line

_TASK = re.compile(rb'^\[cluster-task id=(\d+), (.*), id=\1, (start="[^"]*", duration=.*)$', re.MULTILINE)


def status_of(observation: Observation | None) -> int:
    """The exit status in a job's record: that of its container, 1 if it never had one."""
    code = observation.exit_code if observation else None
    if observation is not None and observation.status == "SUCCEEDED":
        return code or 0
    return code or 1  # a container that ended with 0 and yet FAILED was stopped from outside


def task_record(job: Job, aws_id: str, observation: Observation | None, at: int) -> str:
    """The `[cluster-task ...]` line of a job; `at` (ms) stands in for the start of a job that never started."""
    start = (observation and (observation.started or observation.created)) or at
    stop = observation.stopped if observation and observation.started else None
    state = "succeeded" if observation is not None and observation.status == "SUCCEEDED" else "failed"
    return (
        f"[cluster-task id={job.number}, name={_quoted(job.name)}, aws-job-id={_quoted(aws_id)}, state={state}, "
        f"status={status_of(observation)}, id={job.number}, start={_quoted(iso(start))}, "
        f"duration={_seconds(stop - start if stop else 0)}, app={_quoted(job.executable)}]"
    )


def is_task_record(line: bytes) -> bool:
    """Whether a line of a job's stdout is its record."""
    return _TASK.match(line) is not None


def number_of(stdout: bytes) -> int | None:
    """The number in the record at the end of a job's stdout; None if it has none."""
    found = list(_TASK.finditer(stdout))
    return int(found[-1][1]) if found else None


def renumbered(stdout: bytes, number: int) -> bytes:
    """The stdout with this number in the record at its end."""
    found = list(_TASK.finditer(stdout))
    if not found:
        return stdout
    record, own = found[-1], b"%d" % number
    parts = b"[cluster-task id=", own, b", ", record[2], b", id=", own, b", ", record[3]
    return stdout[: record.start()] + b"".join(parts) + stdout[record.end() :]


def summary_record(succeeded: int, failed: int, start: int, stop: int) -> str:
    """The `[cluster-summary ...]` line of a bag; times in ms."""
    return (
        f'[cluster-summary stat="{"failed" if failed else "ok"}", tasks={succeeded + failed}, succeeded={succeeded}, '
        f"failed={failed}, duration={_seconds(stop - start)}, start={_quoted(iso(start))}, app={_quoted(PROG)}]"
    )


def _seconds(milliseconds: int) -> str:
    return f"{max(milliseconds, 0) / 1000:.3f}"


def _quoted(text: str) -> str:
    return '"' + one_line(text).replace("\t", " ").replace('"', "'").replace("]", ")").replace("[", "(") + '"'
