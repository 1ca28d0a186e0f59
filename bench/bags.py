"""Bags of jobs, and what their merged output must be, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from .measure import Failed

SEPARATOR = "########################[AWS BATCH] TASK STDERR ########################"
SUBMITS_A_SECOND = 50.0  # AWS's quota
LOG_PAGES_A_SECOND, LOG_SEARCHES_A_SECOND = 25.0, 10.0  # the lab's quotas on GetLogEvents and FilterLogEvents
SUBMITTING = 10.0  # s that packed jobs may take to be submitted, whatever their number
START = 1.0  # s from a job's being free to its start, on the lab
STREAMS_PER_CALL = 100  # of FilterLogEvents
CHILDREN_PER_CALL = 100  # of DescribeJobs
POLLS_AT_ONCE, POLLS_A_SECOND = 40, 19.6  # calls for children that have ended: so many, then so many a second
PAGE, EVENT = 1024 * 1024, 26  # bytes of a page of GetLogEvents, and what each event counts beside its text
ERROR_LINES = 1

# Where jobs are real processes they print what the lab says of its jobs: see the lab's README.
SCRIPT = f"""
say() {{ i=0; while [ $i -lt $2 ]; do echo "$PEGASUS_JOB_NAME $1 $i"; i=$((i + 1)); done; }}
say out "$LAB_LOG_LINES"; echo '{SEPARATOR}'; say err "$LAB_ERR_LINES"
"""


@dataclass(frozen=True)
class Load:
    """How many jobs, and what each of them does."""

    jobs: int  # of each client
    seconds: float
    lines: int = 3  # of stdout
    line_bytes: int = 0  # added to each line
    input_bytes: int = 0  # of the one file that all jobs name
    clients: int = 1
    packed: bool = False  # into array jobs
    order: str = ""  # "chain" or "diamond": which jobs depend on which

    @property
    def all_jobs(self) -> int:
        return self.jobs * self.clients

    @property
    def bound(self) -> float:
        """The seconds that the quotas and the jobs themselves take, whoever runs them."""
        if self.packed:
            searching = self.all_jobs / STREAMS_PER_CALL / LOG_SEARCHES_A_SECOND
            polling = (self.all_jobs / CHILDREN_PER_CALL - POLLS_AT_ONCE) / POLLS_A_SECOND
            return SUBMITTING + self.seconds + max(searching, polling)
        if self.order:
            levels = len(set(self.depths()))
            return self.all_jobs / SUBMITS_A_SECOND + levels * (self.seconds + START)
        text = self.line_bytes + len(f"{job_name(0, 0)} out 0\n") + EVENT
        pages = self.all_jobs * self.lines * text / PAGE
        return self.all_jobs / SUBMITS_A_SECOND + self.seconds + pages / LOG_PAGES_A_SECOND

    def needs(self, number: int) -> list[int]:
        """The jobs on which a job depends: of a chain the one before; of a diamond with two layers in the middle,
        a job of the second depends on one of the first, and the last job on all of the second."""
        if number == 0 or not self.order:
            return []
        if self.order == "chain":
            return [number - 1]
        half = (self.jobs - 2) // 2
        if number == self.jobs - 1:
            return list(range(1 + half, self.jobs - 1))
        return [0] if number <= half else [number - half]

    def depths(self) -> list[int]:
        """How many jobs stand before each one, in a row."""
        found: list[int] = []
        for number in range(self.jobs):
            found.append(max((found[one] + 1 for one in self.needs(number)), default=0))
        return found


def job_name(client: int, number: int) -> str:
    """The name of a job, the only one of that name."""
    return f"c{client}_job_{number:06}"


def write(load: Load, client: int, directory: Path) -> Path:
    """Write the client's submit file, and the file that its jobs name."""
    variables = {
        "LAB_LOG_LINES": str(load.lines),
        "LAB_ERR_LINES": str(ERROR_LINES),
        "LAB_LOG_BYTES": str(load.line_bytes),
    }
    if load.input_bytes:
        shared = directory / "shared.dat"
        shared.write_bytes(bytes(range(256)) * (load.input_bytes // 256))
        variables["TRANSFER_INPUT_FILES"] = shared.name
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    jobs = [
        {
            "jobName": job_name(client, number),
            "executable": "/bin/sh",
            "arguments": ["-c", SCRIPT],
            "environment": environment,
            **({"dependsOn": [job_name(client, one) for one in needs]} if (needs := load.needs(number)) else {}),
        }
        for number in range(load.jobs)
    ]
    path = directory / "bag.in"
    path.write_text(json.dumps({"SubmitJob": jobs}))
    return path


def verify(load: Load, client: int, out: Path, err: Path) -> float:
    """Compare the merged files with what the jobs wrote; returns the duration that the run gives for itself."""
    journal = [json.loads(line) for line in (out.parent / "bag.journal").open()]
    names = _printed_names(load, client, journal)
    _compare(_stderr(load, names), err)
    summary = _compare(_stdout(load, client, names), out)
    _check_order(load, journal)
    return float(summary.partition("duration=")[2].partition(",")[0])


def _printed_names(load: Load, client: int, journal: list[dict[str, Any]]) -> list[str]:
    """What each job calls itself in its log: on the lab, a child of an array has the array's name and its index."""
    names = [job_name(client, number) for number in range(load.jobs)]
    for event in journal if load.packed else ():
        if event["event"] == "Submitting":
            token, _, index = event["token"].partition(":")
            if not index:
                raise Failed(f"job {event['job']} was not packed")
            names[event["job"] - 1] = f"pegasus-aws-batch-{token.replace('.', '-')}[{index}]"
    return names


def _check_order(load: Load, journal: list[dict[str, Any]]) -> None:
    """Each job began after those on which it depends had ended, as AWS tells it."""
    ended = {
        event["job"] - 1: event["observation"]
        for event in journal
        if event["event"] == "StateChanged" and "stopped" in event["observation"]
    }
    for number in range(load.jobs if load.order else 0):
        for needed in load.needs(number):
            if ended[number]["started"] < ended[needed]["stopped"]:
                raise Failed(f"job {number} began before job {needed} had ended")


def _compare(expected: Iterator[tuple[str, bool]], path: Path) -> str:
    """Every line must be there, whole or, for records, from its start; returns the last one."""
    text = ""
    with path.open(encoding="utf-8") as lines:
        for number, (wanted, line) in enumerate(zip_longest(expected, lines), start=1):
            text = (line or "").rstrip("\n")
            if wanted is None or line is None or not (text.startswith(wanted[0]) if wanted[1] else text == wanted[0]):
                got = "the end of the file" if line is None else repr(text[:200])
                what = "the end of the file" if wanted is None else repr(wanted[0][:200])
                raise Failed(f"{path.name}, line {number}: {got} instead of {what}")
    return text


def _stdout(load: Load, client: int, names: list[str]) -> Iterator[tuple[str, bool]]:
    """The lines of the merged stdout, and whether only the start of the line is given."""
    filler = _filler(load)
    for number in range(load.jobs):
        name = job_name(client, number)
        for index in range(load.lines):
            yield f"{names[number]} out {index}{filler}", False
        yield f'[cluster-task id={number + 1}, name="{name}", ', True
    yield f'[cluster-summary stat="ok", tasks={load.jobs}, succeeded={load.jobs}, failed=0, ', True


def _stderr(load: Load, names: list[str]) -> Iterator[tuple[str, bool]]:
    filler = _filler(load)
    for number in range(load.jobs):
        for index in range(ERROR_LINES):
            yield f"{names[number]} err {index}{filler}", False


def _filler(load: Load) -> str:
    return " " + "x" * (load.line_bytes - 1) if load.line_bytes else ""
