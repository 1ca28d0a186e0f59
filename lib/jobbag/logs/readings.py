"""What the log fetcher works on: the log of one job, one stream or several, and one reading of it into files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from jobbag.bag.job import Job
from jobbag.errors import PROG, AwsError
from jobbag.events.events import LogsWritten, Share
from jobbag.events.observation import AWSLOGS, ON_EKS, LogPlace, Observation, Peak, now_ms
from jobbag.logs.follower import Reading
from jobbag.logs.part_files import Output
from jobbag.logs.splitter import Sink, Splitter
from jobbag.logs.streams import STREAMS_PER_CALL

NewReading = Callable[[Job, LogPlace], Reading | None]
SentBefore = tuple[Sequence[LogPlace], str | None]
"""The log of an attempt, a stream for each of its containers and nodes; and the token of the end mark in it."""


@dataclass(slots=True)
class FetchTask:
    """A job that is over, and whose output is to be written."""

    job: Job
    aws_id: str
    observation: Observation | None
    note: str | None  # why there is no log to read, or not all of it
    remark: str | None = None  # for the end of .err
    token: str | None = None  # of the launcher's end mark; None: the launcher does not start the job
    sent_before: Sequence[SentBefore] = ()  # the attempts of earlier sendings
    alone: bool = False  # large, or empty: not to be read together with others
    ended: float = field(default_factory=time.monotonic)  # when it was over, as far as is known (time.monotonic())
    at: int = field(default_factory=now_ms)  # when it was found to be over (ms)

    @property
    def stopped(self) -> int:
        """When it was over, by the clock of AWS if that is known (ms)."""
        return (self.observation.stopped if self.observation else None) or self.at

    def age_of(self, event: Mapping[str, Any], now: float) -> float:
        """The seconds since an event of its log (`now`: time.monotonic())."""
        return now - self.ended + (self.stopped - int(event["timestamp"])) / 1000

    @property
    def earlier(self) -> list[SentBefore]:
        """The logs of all attempts before the last one."""
        own = () if self.observation is None else self.observation.earlier_logs
        return [*self.sent_before, *((places, self.token) for places in own)]

    @property
    def places(self) -> list[LogPlace]:
        """Where CloudWatch has its log: a stream for each of its containers and nodes."""
        if self.observation is None or self.note is not None:
            return []
        return [place for place in self.observation.logs if place.is_readable]

    @property
    def place(self) -> LogPlace | None:
        """The same of a job whose log can be read together with those of others; None: it cannot."""
        places = [] if self.alone else self.places
        return places[0] if len(places) == 1 else None


class _Headed:
    """A file in which what one of several containers or nodes writes stands below its name."""

    def __init__(self, file: Sink, source: str) -> None:
        self._file = file
        self._heading = f"[{PROG}] {source}:\n".encode(errors="replace")

    def write(self, data: bytes) -> None:
        """Add to what it has written."""
        self._file.write(self._heading + data)
        self._heading = b""


class StreamReading:
    """One reading of a log stream into the files of its job."""

    def __init__(self, place: LogPlace, task: FetchTask, output: Output, told: Reading | None) -> None:
        """`told`: takes the events, too, if they are to be shown."""
        self.place = place
        self.missing = False
        self.came = 0  # when the latest event came (ms)
        out, err = split_into(output, place)
        self.splitter = Splitter(out, err, token=task.token)
        self._told = told

    def take(self, event: Mapping[str, Any]) -> None:
        """The next event of the stream."""
        self.splitter.take(event)
        self.came = max(self.came, event["ingestionTime"])
        if self._told is not None:
            self._told.take(event)

    def end(self) -> None:
        """No more is read: what was kept back is written and shown."""
        self.splitter.flush()
        if self._told is not None:
            self._told.log.tell(whole=True)


def split_into(output: Output, place: LogPlace) -> tuple[Sink, Sink]:
    """The two files for what a container writes, with its name if it is one of several."""
    out, err = output.streams
    return (out, err) if place.source is None else (_Headed(out, place.source), _Headed(err, place.source))


class LogReading:
    """One reading of a task's log into files, stream by stream."""

    def __init__(self, task: FetchTask, output: Output, new_reading: NewReading) -> None:
        """`new_reading` gives, for a job and its log stream, what takes the events, too, if they are to be shown."""
        self.task = task
        self.output = output
        self.streams = [StreamReading(one, task, output, new_reading(task.job, one)) for one in task.places]
        self.whole = True
        self.note = task.note

    @property
    def fewest(self) -> int:
        """How many lines the stream has that has the fewest."""
        return min((one.splitter.lines for one in self.streams), default=0)

    @property
    def ended(self) -> bool:
        """Whether the last line of each stream is the launcher's end mark."""
        return bool(self.streams) and all(one.splitter.ended for one in self.streams)

    @property
    def peak(self) -> Peak | None:
        """What the job has used of memory, if its end mark tells; nothing of one with several containers or nodes."""
        return self.streams[0].splitter.peak if self.ended and len(self.streams) == 1 else None

    @property
    def lateness(self) -> float:
        """The seconds from the job's end to the last event that has come."""
        return (max(one.came for one in self.streams) - self.task.stopped) / 1000

    def end(self) -> None:
        """No more is read."""
        for one in self.streams:
            one.end()

    def failed(self, error: AwsError) -> None:
        """CloudWatch Logs refused; what was read so far is kept."""
        self.note, self.whole = f"the log could not be fetched: {error}", False

    def written(self, paths: tuple[Path, Path], share: Share | None = None) -> LogsWritten:
        """The output is in these files."""
        lines = sum(one.splitter.lines for one in self.streams)
        tail = next((one.splitter.tail for one in self.streams if one.splitter.tail), ())
        sizes = None if share else self.output.sizes
        return LogsWritten(self.task.job, *paths, lines, tail, self.note, self.whole, share, sizes, self.peak)


def batches_of(tasks: Iterable[FetchTask]) -> Iterable[list[FetchTask]]:
    """Tasks that one call can serve: streams of one group; by themselves those that must be."""
    groups: dict[tuple[str, str | None], list[FetchTask]] = {}
    for task in tasks:
        if task.place is None:
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
    if any(place.is_readable for place in observation.logs):
        return None
    return _why_unreadable(observation.log, observation)


def why_not_all(observation: Observation) -> Iterable[str]:
    """The same of single containers and nodes of a job that has a log."""
    for place in observation.logs:
        if not place.is_readable:
            yield f"{place.source}: {_why_unreadable(place, observation)}"


def _why_unreadable(place: LogPlace, observation: Observation) -> str:
    if place.driver == ON_EKS:
        return "its log is not in CloudWatch Logs: AWS Batch leaves what pods on EKS print in their cluster"
    if place.driver != AWSLOGS:
        return f"its log is not in CloudWatch Logs: the log driver is {place.driver}"
    ran = observation.status == "SUCCEEDED" or (observation.exit_code is not None and not observation.container_reason)
    if ran and place.source is None:  # of several containers, this is known of the one that decides alone
        return "no log: AWS Batch names no log stream of it, though its container ran"
    why = observation.container_reason or observation.status_reason or "AWS gives no reason"
    return f"no log: its container never started ({why})"
