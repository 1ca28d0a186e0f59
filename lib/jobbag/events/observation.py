"""What DescribeJobs says of a job at one moment. Times are milliseconds since the epoch, as AWS gives them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import NamedTuple

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = STATES[-2:]


def now_ms() -> int:
    """The time of the wall clock, in AWS's unit."""
    return int(time.time() * 1000)


AWSLOGS = "awslogs"  # the log driver by which logs get into CloudWatch
ON_EKS = "EKS"  # in the place of a log driver: the logs of a pod stay with its cluster


class Peak(NamedTuple):
    """The most memory that a job used, in bytes: all that is in its container, or its largest process alone."""

    size: int
    whole: bool

    @property
    def mib(self) -> int:
        """In MiB, the unit of what jobs ask for."""
        return -(-self.size // 1024**2)


@dataclass(frozen=True, slots=True)
class LogPlace:
    """The log stream in CloudWatch Logs of a container of an attempt of a job."""

    stream: str | None = None
    group: str = "/aws/batch/job"
    region: str | None = None  # None: the region of the job
    driver: str = AWSLOGS
    source: str | None = None  # which container or node of the job writes it; None: there is only one

    @property
    def is_readable(self) -> bool:
        """Whether CloudWatch Logs has it, or may have it."""
        return self.stream is not None and self.driver == AWSLOGS


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a job's container that is over: its log stream, its times (ms), and how it ended.

    Of several containers or nodes, it ended as the one that decides; `more` are the streams of the others.
    """

    stream: str | None = None
    started: int | None = None
    stopped: int | None = None
    exit_code: int | None = None
    reason: str | None = None
    more: tuple[str | None, ...] = ()


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
    fargate: bool | None = None  # whether it is for Fargate; None: it is not, or was not noted
    more_logs: tuple[LogPlace, ...] = ()  # of the containers and nodes beside the one that decides how the job ends

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def reason(self) -> str | None:
        """Why the job is in its state, as AWS says; None if it does not."""
        return joined(self.status_reason, self.container_reason)

    @property
    def logs(self) -> tuple[LogPlace, ...]:
        """Where the output of the last attempt is, that of the deciding container first."""
        return self.log, *self.more_logs

    @property
    def earlier_logs(self) -> tuple[tuple[LogPlace, ...], ...]:
        """The same of the attempts before the last one."""
        return tuple(
            tuple(
                replace(place, stream=stream)
                for place, stream in zip(self.logs, (attempt.stream, *attempt.more), strict=False)
            )
            for attempt in self.attempts[:-1]
        )


def joined(*reasons: str | None) -> str | None:
    """The reasons that are given, each once, with '; ' between them; None if there are none."""
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None
