"""The events of a run: the spine of the program.

Workers put them on one queue and touch nothing else that is shared; the main thread alone reads it, and hands
each event to the consumers. Times are milliseconds since the epoch, as AWS gives them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jobbag.bag import Job
from jobbag.errors import ToolError

ENDED = ("SUCCEEDED", "FAILED")


def now_ms() -> int:
    """The time of the wall clock, in AWS's unit."""
    return int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where CloudWatch has the output of a job's last attempt."""

    stream: str | None
    group: str = "/aws/batch/job"
    region: str | None = None  # None: the region of the job
    driver: str = "awslogs"


@dataclass(frozen=True, slots=True)
class Observation:
    """What DescribeJobs says of a job at one moment."""

    status: str
    status_reason: str | None = None
    exit_code: int | None = None
    container_reason: str | None = None
    log: LogPlace = field(default_factory=lambda: LogPlace(None))
    created: int | None = None
    started: int | None = None
    stopped: int | None = None
    attempts: int = 0

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `at`."""

    at: int = field(default_factory=now_ms, kw_only=True)


@dataclass(frozen=True, slots=True)
class Staged(Event):
    """A local file is in S3 under this key. `sent` is false when S3 held the same content already."""

    item: str
    key: str
    size: int
    sent: bool


@dataclass(frozen=True, slots=True)
class StagingFailed(Event):
    """A local file could not be sent."""

    item: str
    error: ToolError


@dataclass(frozen=True, slots=True)
class Submitting(Event):
    """A job is about to be sent."""

    job: Job


@dataclass(frozen=True, slots=True)
class Submitted(Event):
    """AWS Batch has the job."""

    job: Job
    aws_id: str


@dataclass(frozen=True, slots=True)
class NotSubmitted(Event):
    """The job will not run: AWS refused it, or an input of it is not there."""

    job: Job
    error: ToolError


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """The job was seen in a state for the first time."""

    job: Job
    aws_id: str
    observation: Observation


@dataclass(frozen=True, slots=True)
class Lost(Event):
    """DescribeJobs has not shown the job for so long that it is given up."""

    job: Job
    aws_id: str
    error: ToolError


@dataclass(frozen=True, slots=True)
class LogsWritten(Event):
    """The job's stdout and stderr are whole in these files. `note` says why if there was nothing to fetch."""

    job: Job
    out: Path
    err: Path
    lines: int
    tail: tuple[str, ...] = ()  # the last lines, for the report of a failure
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerFailed(Event):
    """A worker met an error that it cannot go on after: the run ends."""

    worker: str
    error: BaseException


Emit = Callable[[Event], None]
