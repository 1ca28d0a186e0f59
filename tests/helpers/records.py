"""The records that Pegasus parses, the jobstate log and the tool's log, as regular expressions of their formats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

SEPARATOR = "########################[AWS BATCH] TASK STDERR ########################"
STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
_TASK = re.compile(
    r'\[cluster-task id=(?P<number>\d+), name="(?P<name>[^"\]]*)", aws-job-id="(?P<aws_id>[-0-9a-f:]*)", '
    r"state=(?P<state>succeeded|failed), status=(?P<status>\d+), id=(?P=number), "
    rf'start="(?P<start>{_TIME})", duration=(?P<duration>\d+\.\d{{3}}), app="(?P<app>[^"\]]*)"\]'
)
_SUMMARY = re.compile(
    r'\[cluster-summary stat="(?P<stat>ok|failed)", tasks=(?P<tasks>\d+), succeeded=(?P<succeeded>\d+), '
    rf'failed=(?P<failed>\d+), duration=(?P<duration>\d+\.\d{{3}}), start="(?P<start>{_TIME})", '
    r'app="pegasus-aws-batch"\]'
)
_STATE = re.compile(rf"(?P<at>\d{{13}}) (?P<name>.+) (?P<state>{'|'.join(STATES)}) (?P<aws_id>[-0-9a-f]{{36}}(:\d+)?)")
SHORT_LINE = re.compile(r"\d\d:\d\d:\d\d [ !✓✗](?P<message>.*)")  # on a terminal
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (ERROR|WARN |INFO |DEBUG|TRACE) \[\w+\] (?P<message>.*)")


@dataclass(frozen=True)
class Task:
    """A cluster-task record."""

    number: int
    name: str
    aws_id: str
    state: str
    status: int
    start: datetime
    duration: float
    app: str

    @classmethod
    def read(cls, line: str) -> Task:
        """The record that is all of this line."""
        found = _TASK.fullmatch(line)
        assert found, line
        return cls(
            int(found["number"]),
            found["name"],
            found["aws_id"],
            found["state"],
            int(found["status"]),
            datetime.fromisoformat(found["start"]),
            float(found["duration"]),
            found["app"],
        )


@dataclass(frozen=True)
class Summary:
    """A cluster-summary record."""

    stat: str
    tasks: int
    succeeded: int
    failed: int
    start: datetime
    duration: float

    @classmethod
    def read(cls, line: str) -> Summary:
        """The record that is all of this line."""
        found = _SUMMARY.fullmatch(line)
        assert found, line
        return cls(
            found["stat"],
            int(found["tasks"]),
            int(found["succeeded"]),
            int(found["failed"]),
            datetime.fromisoformat(found["start"]),
            float(found["duration"]),
        )


def job_output(text: str) -> tuple[list[str], Task]:
    """The lines of a job's .out file, and the record behind them."""
    assert text.endswith("\n")
    *lines, record = text.split("\n")[:-1]
    return lines, Task.read(record)


def merged_output(text: str) -> tuple[list[tuple[list[str], Task]], Summary]:
    """What is in a merged .out file: each job's lines with its record, and the summary."""
    assert text.endswith("\n")
    *lines, last = text.split("\n")[:-1]
    jobs: list[tuple[list[str], Task]] = []
    own: list[str] = []
    for line in lines:
        if line.startswith("[cluster-task "):
            jobs.append((own, Task.read(line)))
            own = []
        else:
            own.append(line)
    assert own == [], "lines behind the last job's record"
    return jobs, Summary.read(last)


@dataclass(frozen=True)
class Step:
    """A line of the jobstate log."""

    at: int  # ms
    name: str
    state: str
    aws_id: str


def jobstates(text: str) -> dict[str, list[Step]]:
    """The lines of a jobstate log, by job."""
    jobs: dict[str, list[Step]] = {}
    for line in text.splitlines():
        found = _STATE.fullmatch(line)
        assert found, line
        step = Step(int(found["at"]), found["name"], found["state"], found["aws_id"])
        jobs.setdefault(step.name, []).append(step)
    return jobs


def assert_lifelike(steps: list[Step], end: str) -> None:
    """A job's states come in their order, each once, from SUBMITTED to the end, under one id."""
    states = [step.state for step in steps]
    assert states[0] == "SUBMITTED"
    assert states[-1] == end
    ranks = [STATES.index(state) for state in states]
    assert ranks == sorted(set(ranks)), states
    assert len({step.aws_id for step in steps}) == 1
    times = [step.at for step in steps]
    assert times == sorted(times)
