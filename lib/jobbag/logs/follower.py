"""The output of jobs while they run: each line is told once, whoever reads it first.

The streams of jobs that run are asked again and again for what came of late. When a job has ended, its log is read
as a whole for its files; what nobody has told yet is told then, so that the rest costs no call of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.batches import batches
from jobbag.errors import AwsError
from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.events import Event, LogsWritten, OutputSeen, StateChanged
from jobbag.events.observation import LogPlace, Observation, now_ms
from jobbag.logs.lines import Lines
from jobbag.logs.splitter import is_mark
from jobbag.logs.streams import STREAMS_PER_CALL, Refused, pages_of_streams
from jobbag.threads import Worker

log = logging.getLogger(__name__)

EACH, LOCAL_EACH = 2.0, 0.25  # s between two looks at the streams
SHARE = 0.1  # of the calls that AWS allows: most are left to the logs of jobs that have ended
SHORTEST_WINDOW, LONGEST_WINDOW = 2_000, 60_000  # ms by which lines may come late
SKEW = 5_000  # ms by which the clock of a job's machine may be behind
AGAIN = 10.0  # s until a stream is looked for that is not there yet
REMEMBERED = 5_000  # times of a log of which it is known how many lines they have
TOGETHER = 500  # lines of one event

Wanted = Callable[[Job], bool]


class Log:
    """A log stream, and which of its lines were told. Several threads may read it at the same time.

    A line is known by its timestamp and its number among those of the same millisecond: late ones come behind them.
    """

    def __init__(self, job: Job, place: LogPlace, emit: Emit, since: int) -> None:
        """`since`: nothing of the stream is older (ms)."""
        self.place = place
        self.since = since  # all that came before was read
        self.due = 0.0  # when it is to be looked for (time.monotonic())
        self._job, self._emit = job, emit
        self._lock = threading.Lock()
        self._told: dict[int, int] = {}  # how many lines, by timestamp (ms)
        self._floor = 0  # of what is older, all is told
        self._of_events = Lines()
        self._lines: list[str] = []  # to be told

    def saw(self, at: int, number: int, message: str) -> None:
        """Somebody read an event: the so-manyth of its millisecond."""
        with self._lock:
            if at < self._floor or number <= self._told.get(at, 0):
                return
            self._told[at] = number
            if len(self._told) > REMEMBERED:
                self._forget()
            self._add(self._of_events.take({"timestamp": at, "message": message}))
            if len(self._lines) >= TOGETHER:
                self._tell()

    def _add(self, lines: Iterable[str]) -> None:
        self._lines += (line for line in lines if not is_mark(line, launched=self._job.launcher))

    def tell(self, *, whole: bool = False) -> None:
        """Tell what was seen so far; if the log is whole, also a line that might have gone on."""
        with self._lock:
            if whole:
                self._add(self._of_events.rest())
            self._tell()

    def _tell(self) -> None:
        if self._lines:
            self._emit(OutputSeen(self._job, tuple(self._lines), self.place.source))
            self._lines.clear()

    def _forget(self) -> None:
        """The older half."""
        times = sorted(self._told)
        self._floor = times[len(times) // 2]
        self._told = {at: self._told[at] for at in times if at >= self._floor}


class Reading:
    """One reading of a log, from wherever, in the order of its timestamps."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._at = self._number = 0

    def take(self, event: Mapping[str, Any]) -> None:
        """The next event."""
        at = event["timestamp"]
        self._number = self._number + 1 if at == self._at else 1
        self._at = at
        self.log.saw(at, self._number, event["message"])


class Follower(Worker):
    """A thread that reads what running jobs write, and a consumer of the events that say which ones run.

    It serves to show something: where AWS refuses, it says so and stops; and nobody waits for a call under way.
    """

    name = "follower"
    leaving = 0.0

    def __init__(self, cloud: Cloud, emit: Emit, wanted: Wanted) -> None:
        """`wanted`: whether the output of a job is to be told, as OutputSeen."""
        super().__init__(worker_failed(emit))
        self._cloud = cloud.cancelled_by(self.stopped)
        self._emit = emit
        self._wanted = wanted
        self._lock = threading.Lock()
        self._logs: dict[int, dict[LogPlace, Log]] = {}  # by job number
        self._running: dict[int, list[Log]] = {}  # of those, the ones that are read here
        self._each = LOCAL_EACH if cloud.embedded else EACH
        self._refused = Refused()
        self._lateness = 0  # ms, the worst seen
        self._ahead: int | None = None  # ms, at least, by which the service's clock is ahead of this machine's

    def __call__(self, event: Event) -> None:
        match event:
            case StateChanged(job=job, observation=seen):
                self.follow(job, seen)
            case LogsWritten(job=job):
                with self._lock:
                    self._logs.pop(job.number, None)
                    self._running.pop(job.number, None)

    def follow(self, job: Job, seen: Observation) -> None:
        """Read the job's log as long as it runs."""
        if not self._wanted(job):
            return
        with self._lock:
            self._running.pop(job.number, None)
            if seen.status == "RUNNING":
                since = max((seen.started or seen.created or 0) - SKEW, 0)
                self._running[job.number] = [self._log(job, one, since) for one in seen.logs if one.is_readable]

    def reading(self, job: Job, place: LogPlace) -> Reading | None:
        """What is to take the events of a reading of a job's log, if they are wanted."""
        if not self._wanted(job):
            return None
        with self._lock:
            return Reading(self._log(job, place, 0))

    def _log(self, job: Job, place: LogPlace, since: int) -> Log:
        logs = self._logs.setdefault(job.number, {})
        if place not in logs:
            logs[place] = Log(job, place, self._emit, since)
        return logs[place]

    # -- the thread

    def work(self) -> None:
        """Read what is new in the logs of the jobs that run, again and again."""
        try:
            while not self.stopped.wait(self._each):
                for batch in self._batches():
                    self._read(batch)
        except AwsError as error:
            if not self.stopped.is_set():
                log.warning("the output of jobs is shown only when they have ended: %s", error)

    def _batches(self) -> Iterator[list[Log]]:
        """Logs that one call can read: of one group, and to be read from about the same time."""
        now = time.monotonic()
        with self._lock:
            running = [one for logs in self._running.values() for one in logs if one.due <= now]
        running.sort(key=lambda one: (one.place.group, one.place.region or "", one.since))
        for _, group in groupby(running, key=lambda one: (one.place.group, one.place.region)):
            yield from batches(group, STREAMS_PER_CALL)

    def _read(self, batch: list[Log]) -> None:
        """Tell what is new in some streams. Raises AwsError."""
        region = batch[0].place.region
        began = now_ms()
        readings = {one.place.stream: Reading(one) for one in batch}
        try:
            self._rest(region)
            places, since = [one.place for one in batch], min(one.since for one in batch)
            for page in pages_of_streams(self._cloud, places, since, self._refused):
                for event in page:
                    readings[event["logStreamName"]].take(event)
                    self._learn(event)
                for one in batch:
                    one.tell()
                self._rest(region)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            self._read_apart(batch)
        else:
            for one in batch:
                one.since = max(one.since, self._safe(began))

    def _read_apart(self, batch: list[Log]) -> None:
        """One of them does not exist yet."""
        half = len(batch) // 2
        if not half:
            batch[0].due = time.monotonic() + AGAIN
            return
        self._read(batch[:half])
        self._read(batch[half:])

    def _rest(self, region: str | None) -> None:
        """What keeps the calls to their share. Raises Cancelled."""
        limit = self._cloud.rates.of("logs", "FilterLogEvents", region or self._cloud.region)
        self._cloud.pause(1 / (limit.rate * SHARE) if limit else 0.0)

    def _learn(self, event: Mapping[str, Any]) -> None:
        """How late lines come, and what time it is there."""
        came = event["ingestionTime"]
        self._lateness = max(self._lateness, came - event["timestamp"])
        ahead = came - now_ms()
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def _safe(self, began: int) -> int:
        """No line that is older than this (ms) comes after a reading that began at that time of this machine."""
        if self._ahead is None:
            return 0
        return began + self._ahead - min(max(2 * self._lateness, SHORTEST_WINDOW), LONGEST_WINDOW)
