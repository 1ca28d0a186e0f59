"""What the log fetcher works on: the log of one job, and one reading of it into files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from jobbag.bag.job import Job
from jobbag.errors import AwsError
from jobbag.events.events import LogsWritten, Share
from jobbag.events.observation import LogPlace, Observation, now_ms
from jobbag.logs.follower import Reading
from jobbag.logs.part_files import Output
from jobbag.logs.splitter import Splitter
from jobbag.logs.streams import STREAMS_PER_CALL


@dataclass
class FetchTask:
    """A job that is over, and whose output is to be written."""

    job: Job
    aws_id: str
    observation: Observation | None
    note: str | None  # why there is no log to read, or not all of it
    remark: str | None = None  # for the end of .err
    token: str | None = None  # of the launcher's end mark; None: the launcher does not start the job
    alone: bool = False  # large, or empty: not to be read together with others
    ended: float = field(default_factory=time.monotonic)  # when it was found to be over (time.monotonic())
    at: int = field(default_factory=now_ms)  # the same (ms)

    @property
    def place(self) -> LogPlace:
        """Where CloudWatch has its log."""
        return self.observation.log if self.observation else LogPlace()


class LogReading:
    """One reading of a task's log into files."""

    def __init__(self, task: FetchTask, output: Output, told: Reading | None) -> None:
        """`told`: takes the events, too, if they are to be shown."""
        self.task = task
        self.output = output
        self.splitter = Splitter(*output.streams, token=task.token)
        self._told = told
        self.missing = False
        self.whole = True
        self.note = task.note

    def take(self, event: Mapping[str, Any]) -> None:
        """The next event of the log."""
        self.splitter.take(event)
        if self._told is not None:
            self._told.take(event)

    def tell(self) -> None:
        """Let be shown what was read."""
        if self._told is not None:
            self._told.log.tell(whole=True)

    def failed(self, error: AwsError) -> None:
        """CloudWatch Logs refused; what was read so far is kept."""
        self.note, self.whole = f"the log could not be fetched: {error}", False

    def written(self, paths: tuple[Path, Path], share: Share | None = None) -> LogsWritten:
        """The output is in these files."""
        splitter = self.splitter
        sizes = None if share else self.output.sizes
        return LogsWritten(self.task.job, *paths, splitter.lines, splitter.tail, self.note, self.whole, share, sizes)


def batches_of(tasks: Iterable[FetchTask]) -> Iterable[list[FetchTask]]:
    """Tasks that one call can serve: streams of one group; by themselves those that must be."""
    groups: dict[tuple[str, str | None], list[FetchTask]] = {}
    for task in tasks:
        if task.alone or task.note is not None:
            yield [task]
        else:
            groups.setdefault((task.place.group, task.place.region), []).append(task)
    for group in groups.values():
        iterator = iter(group)
        while batch := list(islice(iterator, STREAMS_PER_CALL)):
            yield batch


def why_no_log(observation: Observation | None) -> str | None:
    """Why a job can have no log in CloudWatch, if so."""
    if observation is None:
        return "it never ran"
    if observation.log.driver != "awslogs":
        return f"its log is not in CloudWatch Logs: the log driver is {observation.log.driver}"
    if observation.log.stream is None:
        why = observation.container_reason or observation.status_reason or "AWS gives no reason"
        return f"no log: its container never started ({why})"
    return None
