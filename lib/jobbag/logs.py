"""A finished job's log stream → its .out and .err files, whole.

Lines arrive late: CloudWatch Logs gives no sign of the end of a stream, and no figure for its delay. So a stream
is read from its head once its job has been over for a while, and that while follows from the delays
(ingestionTime - timestamp) of the lines that this run has seen; a reading that came too early is repeated.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from jobbag.agenda import Agenda
from jobbag.aws import Cloud
from jobbag.bag import Job
from jobbag.errors import AwsError, Cancelled
from jobbag.events import Emit, LogPlace, LogsWritten, Observation, WorkerFailed, now_ms
from jobbag.records import task_record

log = logging.getLogger(__name__)

SEPARATOR = "########################[AWS BATCH] TASK STDERR ########################"
READERS = 8
FIRST_SETTLE = 5.0  # s after a job's end to read its log, as long as nothing is known of the delays
SHORTEST_SETTLE, LONGEST_SETTLE = 1.5, 60.0  # s
EMPTY_SETTLE = 10.0  # s; a log without a line shows no delay
MISSING_SETTLE = 20.0  # s; the log driver makes the stream before the container starts
TAIL_LINES, TAIL_WIDTH = 10, 400

Paths = Callable[[Job], tuple[Path, Path]]


class Splitter:
    """Divides the lines of a container's one stream into stdout and stderr (spec, States, logs and records)."""

    def __init__(self, out: BinaryIO, err: BinaryIO) -> None:
        self._out, self._err = out, err
        self._to = out
        self.lines = 0
        self._tails: dict[BinaryIO, deque[str]] = {one: deque(maxlen=TAIL_LINES) for one in (out, err)}

    def write(self, message: str) -> None:
        """Take one log event: a line, or several where the log driver joins them."""
        for line in message.split("\n"):
            self.lines += 1
            if line.startswith(SEPARATOR):
                self._to = self._err
                continue
            self._to.write(line.encode(errors="replace") + b"\n")
            self._tails[self._to].append(line[:TAIL_WIDTH])

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines of stderr; of stdout, if there were none."""
        return tuple(self._tails[self._err] or self._tails[self._out])


class Delays:
    """How long after a job's end its log is whole, by the delays seen so far. Shared by the readers."""

    def __init__(self, *, embedded: bool) -> None:
        self._embedded = embedded  # the embedded AWS ends a job after the last line of its log is in
        self._worst: float | None = None  # s
        self._lock = threading.Lock()

    def saw(self, delay: float) -> None:
        """A line came `delay` seconds after it was written."""
        with self._lock:
            self._worst = max(self._worst or 0.0, delay)

    def settle(self, lines: int | None = None, *, missing: bool = False) -> float:
        """Seconds to wait after the end of a job whose log has so many lines so far (None: not looked yet)."""
        if self._embedded:
            return 0.0
        worst = self._worst
        usual = FIRST_SETTLE if worst is None else min(max(2 * worst + 1, SHORTEST_SETTLE), LONGEST_SETTLE)
        if lines == 0:
            return max(usual, MISSING_SETTLE if missing else EMPTY_SETTLE)
        return usual


@dataclass
class _Task:
    job: Job
    aws_id: str
    observation: Observation | None
    reason: str | None  # why there can be no log
    ended: float = field(default_factory=time.monotonic)
    at: int = field(default_factory=now_ms)


class LogFetcher:
    """Fetches logs in threads of its own. A context manager: leaving it drops what was not begun."""

    def __init__(self, cloud: Cloud, paths: Paths, emit: Emit) -> None:
        self._cancel = threading.Event()
        self._cloud = cloud.cancelled_by(self._cancel)
        self._paths = paths
        self._emit = emit
        self._agenda: Agenda[_Task] = Agenda()
        self._delays = Delays(embedded=cloud.embedded)
        self._threads = [
            threading.Thread(target=self._work, name=f"logs-{number}", daemon=True) for number in range(READERS)
        ]

    def __enter__(self) -> LogFetcher:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._cancel.set()
        self._agenda.close()
        for thread in self._threads:
            thread.join()

    def fetch(self, job: Job, aws_id: str, observation: Observation | None, reason: str | None = None) -> None:
        """Write the files of a job that has ended; gives a LogsWritten, always.

        `observation` is None for a job that is not known to AWS; `reason` then says why.
        """
        task = _Task(job, aws_id, observation, reason or _no_log(observation))
        self._agenda.put(task.ended + (0.0 if task.reason else self._delays.settle()), task)

    def _work(self) -> None:
        while (task := self._agenda.get()) is not None:
            try:
                again = self._write(task)
            except Cancelled:
                return
            except BaseException as error:
                self._emit(WorkerFailed("log fetcher", error))
                return
            if again is not None:
                self._agenda.put(task.ended + again, task)

    def _write(self, task: _Task) -> float | None:
        """Write the job's files; or the seconds after its end when to try again, as its log may not be whole."""
        paths = self._paths(task.job)
        began = time.monotonic()
        with _Files(paths) as files:
            splitter = Splitter(*files.streams)
            note, missing, whole = task.reason, False, True
            if note is None:
                assert task.observation is not None
                try:
                    missing = not self._read(task.observation.log, splitter)
                except AwsError as error:
                    note, whole = f"the log could not be fetched: {error}", False
            needed = self._delays.settle(splitter.lines, missing=missing)
            if note is None and began < task.ended + needed:
                return needed
            if task.observation is not None and whole:
                self._write_earlier(task.job, task.observation.earlier)
            if missing:
                place = task.observation.log if task.observation else LogPlace()
                note = f"no log: CloudWatch Logs has no stream {place.stream} in the group {place.group}"
            out, err = files.streams
            if note is not None:
                err.write(f"[pegasus-aws-batch] job {task.job.name}: {note}\n".encode(errors="replace"))
            out.write(task_record(task.job, task.aws_id, task.observation, task.at).encode(errors="replace") + b"\n")
            files.commit()
        self._emit(LogsWritten(task.job, *paths, splitter.lines, splitter.tail, note, whole))
        return None

    def _write_earlier(self, job: Job, places: tuple[LogPlace, ...]) -> None:
        """Keep the output of the attempts before the last one as <job>.out.1, <job>.err.1, and so on."""
        for number, place in enumerate(places, 1):
            with _Files((Path(f"{job.name}.out.{number}"), Path(f"{job.name}.err.{number}"))) as files:
                try:
                    found = place.stream is not None and self._read(place, Splitter(*files.streams))
                except AwsError as error:
                    log.warning("job %s: the log of attempt %d could not be fetched: %s", job.name, number, error)
                    continue
                if found:
                    files.commit()

    def _read(self, place: LogPlace, splitter: Splitter) -> bool:
        """Pass on all lines of a stream that can be read now; false if there is no such stream."""
        try:
            for event in stream_events(self._cloud, place):
                splitter.write(event["message"])
                self._delays.saw((event["ingestionTime"] - event["timestamp"]) / 1000)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return False
        return True


class _Files:
    """A job's .out and .err, written beside their places and put there whole, by rename, with `commit`."""

    def __init__(self, paths: tuple[Path, Path]) -> None:
        self._paths = paths
        self._parts = [path.with_name(f"{path.name}.part") for path in paths]
        self.streams: list[BinaryIO] = []

    def __enter__(self) -> _Files:
        self.streams = [part.open("wb") for part in self._parts]
        return self

    def commit(self) -> None:
        """Put the files in their places."""
        for stream, part, path in zip(self.streams, self._parts, self._paths, strict=True):
            stream.close()
            os.replace(part, path)

    def __exit__(self, *_: object) -> None:
        for stream, part in zip(self.streams, self._parts, strict=True):
            stream.close()
            part.unlink(missing_ok=True)


def stream_events(cloud: Cloud, place: LogPlace) -> Iterator[dict[str, Any]]:
    """The events of a stream from its head. A page may be empty before the end; a repeated token is the end."""
    token: dict[str, str] = {}
    while True:
        page = cloud.call(
            "logs", "GetLogEvents", place.region, logGroupName=place.group, logStreamName=place.stream,
            startFromHead=True, **token,
        )  # fmt: skip
        yield from page["events"]
        if token.get("nextToken") == page["nextForwardToken"]:
            return
        token = {"nextToken": page["nextForwardToken"]}


def delete_stream(cloud: Cloud, place: LogPlace) -> None:
    """Delete a job's log stream. One that is gone already is fine."""
    try:
        cloud.call("logs", "DeleteLogStream", place.region, logGroupName=place.group, logStreamName=place.stream)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise error.about(f"log stream {place.stream}") from None


def _no_log(observation: Observation | None) -> str | None:
    """Why a job can have no log in CloudWatch, if so."""
    if observation is None:
        return "it never ran"
    if observation.log.driver != "awslogs":
        return f"its log is not in CloudWatch Logs: the log driver is {observation.log.driver}"
    if observation.log.stream is None:
        why = observation.container_reason or observation.status_reason or "AWS gives no reason"
        return f"no log: its container never started ({why})"
    return None
