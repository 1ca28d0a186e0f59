"""The logs of finished jobs → their .out and .err files, whole.

Many small logs are read with one call, a large one by itself.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.aws.paging import NO_END
from jobbag.bag.job import Job
from jobbag.errors import PROG, AwsError
from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.observation import LogPlace, Observation, joined
from jobbag.logs.delays import Delays
from jobbag.logs.outputs import attempt_files
from jobbag.logs.part_files import Output, Places, commit, write_shared
from jobbag.logs.readings import (
    FetchTask,
    LogReading,
    NewReading,
    SentBefore,
    StreamReading,
    batches_of,
    split_into,
    why_no_log,
    why_not_all,
)
from jobbag.logs.records import task_record
from jobbag.logs.splitter import Splitter
from jobbag.logs.streams import STREAMS_PER_CALL, Refused, events_of_streams, reads_together, stream_events
from jobbag.threads import DueQueue, Worker

log = logging.getLogger(__name__)

READERS = 3
TICK = 0.25  # s; logs that are due within one are read together
LARGE = 1024 * 1024  # characters of a log that is better read by itself

Take = Callable[[Mapping[str, Any]], None]  # an event of CloudWatch Logs


class LogFetcher(Worker):
    """Fetches logs. Leaving it drops what was not begun."""

    name = "log fetcher"
    count = READERS

    def __init__(self, cloud: Cloud, places: Places, emit: Emit, reading: NewReading) -> None:
        """`reading` gives, for a job and its log stream, what is to be told of each event, if that is wanted."""
        super().__init__(worker_failed(emit))
        self._cloud = cloud.cancelled_by(self.stopped)
        self._places = places
        self._emit = emit
        self._new_reading = reading
        self._due: DueQueue[FetchTask] = DueQueue()
        self._refused = Refused()
        self._delays = Delays(embedded=cloud.embedded)
        self._tick = 0.0 if cloud.embedded else TICK

    def close(self, seconds: float | None = None) -> None:
        """Fetch nothing more."""
        self.stopped.set()
        self._due.close()
        super().close(seconds)

    def fetch(
        self,
        job: Job,
        aws_id: str,
        observation: Observation | None,
        reason: str | None = None,
        remark: str | None = None,
        token: str | None = None,
        ended: float | None = None,
        sent_before: Sequence[SentBefore] = (),
    ) -> None:
        """Write the files of a job that has ended; gives a LogsWritten, always.

        `observation` is None for a job that is not known to AWS. `reason` says why there is no log to read;
        `remark` is one more line for the .err of a job that has a log; `token` that of its end mark, if the launcher
        starts it; `ended` when it was over (time.monotonic()), if that is known; `sent_before` the attempts of earlier
        sendings of the job.
        """
        task = FetchTask(job, aws_id, observation, reason or why_no_log(observation), remark, token, sent_before)
        task.ended = task.ended if ended is None else ended
        at_once = task.note and not task.earlier
        self._put(task, 0.0 if at_once else self._delays.first_look(launched=token is not None))

    def _put(self, task: FetchTask, after: float) -> None:
        """Read the log `after` seconds from the job's end, at the next tick, with others; one that will have an end
        mark, and that nobody waits with, exactly then."""
        if task.place is not None and not reads_together(task.place.group, self._refused):
            task.alone = True
        due = max(task.ended + after, time.monotonic())
        together = self._tick and (task.token is None or not self._due.is_empty)
        self._due.put(math.ceil(due / self._tick) * self._tick if together else due, task)

    def work(self) -> None:
        """Fetch the logs that are due, those together that one call can serve."""
        while tasks := self._due.get_all(STREAMS_PER_CALL):
            for batch in batches_of(tasks):
                self._fetch(batch)

    def _fetch(self, tasks: list[FetchTask]) -> None:
        """Read the logs of some tasks, of one group; write their files, or put back what is not whole yet."""
        began = time.monotonic()
        again: list[tuple[FetchTask, float]] = []
        with ExitStack() as stack:
            readings = [
                LogReading(task, stack.enter_context(Output(self._places.paths(task.job))), self._new_reading)
                for task in tasks
            ]
            try:
                if len(readings) > 1:
                    self._read_together(readings, began)
                else:
                    self._read_alone(readings[0], began)
            except _Missing:
                half = len(tasks) // 2
                stack.close()
                self._fetch(tasks[:half])
                self._fetch(tasks[half:])
                return
            except _Endless:
                stack.close()
                for task in tasks:  # the other call has tokens of its own
                    task.alone = True
                    self._fetch([task])
                return
            except _Large as found:
                stack.close()
                found.task.alone = True
                self._fetch([found.task])
                self._fetch([task for task in tasks if task is not found.task])
                return
            done = []
            for reading in readings:
                needed = self._conclude(reading, began)
                if needed is None:
                    done.append(reading)
                else:
                    again.append((reading.task, needed))
            self._put_in_place(done)
        for task, needed in again:  # now that nobody else writes to their files
            self._put(task, needed)

    def _read_together(self, readings: list[LogReading], began: float) -> None:
        by_stream = {stream.place.stream: (stream, one.task) for one in readings for stream in one.streams}
        try:
            places = [stream.place for stream, _ in by_stream.values()]
            for event in events_of_streams(self._cloud, places, self._refused):
                stream, task = by_stream[event["logStreamName"]]
                if stream.splitter.size > LARGE:
                    raise _Large(task)
                stream.take(event)
                self._learn(event, task, began)
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                raise _Missing from None
            if error.code == NO_END:
                raise _Endless from None
            for reading in readings:
                reading.failed(error)

    def _read_alone(self, reading: LogReading, began: float) -> None:
        try:
            for stream in reading.streams:
                stream.missing = not self._read(stream.place, reading.task, stream.take, began)
        except AwsError as error:
            reading.failed(error)

    def _read(self, place: LogPlace, task: FetchTask, take: Take, began: float) -> bool:
        """Pass on all events of a stream that can be read now; false if there is no such stream."""
        try:
            for event in stream_events(self._cloud, place, self._refused):
                take(event)
                self._learn(event, task, began)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return False
        return True

    def _learn(self, event: Mapping[str, Any], task: FetchTask, began: float) -> None:
        """How late an event came, of a reading that began then."""
        self._delays.saw((event["ingestionTime"] - event["timestamp"]) / 1000, task.age_of(event, began))

    def _conclude(self, reading: LogReading, began: float) -> float | None:
        """End the files if the log was whole when its reading began; else the seconds from the job's end when to
        read it again."""
        task, lines = reading.task, reading.fewest
        note = reading.note
        missing = [stream for stream in reading.streams if stream.missing]
        reading.end()
        if reading.ended:
            self._delays.saw_mark(reading.lateness)
        elif note is None:
            needed = self._delays.settle(lines, missing=bool(missing))
            if began < task.ended + needed:
                task.alone = task.alone or lines == 0  # by itself it shows whether there is a stream at all
                return self._delays.next_look(began - task.ended, needed, launched=task.token is not None)
            note = joined(*map(_no_stream, missing))
        if reading.whole:
            if task.observation is not None and reading.streams:
                note = joined(note, *why_not_all(task.observation))
            note = joined(note, *self._write_earlier(reading, began))
        told = joined(task.remark, note)
        reading.note = note
        record = task_record(task.job, task.aws_id, task.observation, task.at) if self._places.records else None
        reading.output.end(
            record,
            f"[{PROG}] job {task.job.name}: {told}" if told else None,
        )
        return None

    def _put_in_place(self, readings: list[LogReading]) -> None:
        """Write the files of logs that are whole; where small ones may share a file, they do."""
        small = {reading: contents for reading in readings if (contents := reading.output.contents) is not None}
        path = self._places.shared(next(iter(small)).task.job) if len(small) > 1 else None
        if path is not None:
            for reading, share in zip(small, write_shared(list(small.values()), path), strict=True):
                self._emit(reading.written((path, path), share))
        own = [reading for reading in readings if path is None or reading not in small]
        if own:
            commit([reading.output for reading in own])
        for reading in own:
            self._emit(reading.written(reading.output.paths))

    def _write_earlier(self, reading: LogReading, began: float) -> Iterator[str]:
        """Keep the output of the attempts before the last one as <job>.out.1, <job>.err.1, and so on.

        Gives why that of an attempt is not there.
        """
        job = reading.task.job
        for number, (places, token) in enumerate(reading.task.earlier, 1):
            with Output(attempt_files(job, number)) as output:
                found = False
                for place in filter(lambda one: one.is_readable, places):
                    splitter = Splitter(*split_into(output, place), token=token)
                    try:
                        is_there = self._read(place, reading.task, splitter.take, began)
                    except AwsError as error:
                        reading.whole = False
                        yield f"the log of attempt {number} could not be fetched: {error}"
                        break
                    splitter.flush()
                    found = found or is_there
                    if not is_there:
                        yield f"no log of attempt {number}: CloudWatch Logs has no stream {place.stream}"
                else:
                    if found:
                        commit([output])


def _no_stream(reading: StreamReading) -> str:
    place = reading.place
    whose = f"{place.source}: " if place.source else ""
    return f"{whose}no log: CloudWatch Logs has no stream {place.stream} in the group {place.group}"


class _Missing(Exception):
    """One of several streams does not exist."""


class _Endless(Exception):
    """The pages of several streams lead nowhere."""


class _Large(Exception):
    """One of several logs is so large that it is better read by itself."""

    def __init__(self, task: FetchTask) -> None:
        super().__init__()
        self.task = task


def delete_streams(cloud: Cloud, places: Iterable[LogPlace]) -> None:
    """Delete the log streams of jobs. Those that are gone already are fine; one that stays is told of."""
    for place in places:
        try:
            cloud.call("logs", "DeleteLogStream", place.region, logGroupName=place.group, logStreamName=place.stream)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                log.warning("%s", error.about(f"log stream {place.stream}"))
