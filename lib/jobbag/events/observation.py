"""What DescribeJobs says of a job at one moment. Times are milliseconds since the epoch, as AWS gives them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = STATES[-2:]


def now_ms() -> int:
    """The time of the wall clock, in AWS's unit."""
    return int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class LogPlace:
    """The log stream in CloudWatch Logs of an attempt of a job."""

    stream: str | None = None
    group: str = "/aws/batch/job"
    region: str | None = None  # None: the region of the job
    driver: str = "awslogs"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a job's container that is over: its log stream, its times (ms), and how it ended."""

    stream: str | None = None
    started: int | None = None
    stopped: int | None = None
    exit_code: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What DescribeJobs says of a job at one moment."""

    status: str
    status_reason: str | None = None
    exit_code: int | None = None
    container_reason: str | None = None
    log: LogPlace = field(default_factory=LogPlace)
    created: int | None = None
    started: int | None = None
    stopped: int | None = None
    attempts: tuple[Attempt, ...] = ()  # that are over, the first one first
    vcpus: float | None = None  # that the job asks for
    memory: int | None = None  # MiB

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def reason(self) -> str | None:
        """Why the job is in its state, as AWS says; None if it does not."""
        return joined(self.status_reason, self.container_reason)

    @property
    def earlier_logs(self) -> tuple[LogPlace, ...]:
        """Where the output of the attempts before the last one is."""
        return tuple(replace(self.log, stream=attempt.stream) for attempt in self.attempts[:-1])


def joined(*reasons: str | None) -> str | None:
    """The reasons that are given, each once, with '; ' between them; None if there are none."""
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None
