"""Log streams of CloudWatch Logs: reading one or a hundred of them, dividing their lines, knowing when they are whole.

Lines arrive late: CloudWatch Logs gives no sign of the end of a stream, and no figure for its delay. So a stream
is read from its head once its job has been over for a while, and that while follows from the delays
(ingestionTime - timestamp) of the lines that this run has seen; a reading that came too early is repeated.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from jobbag.aws import Cloud
from jobbag.daemons import DaemonPool
from jobbag.events import LogPlace

SEPARATOR = "########################[AWS BATCH] TASK STDERR ########################"
LAUNCHER_SEPARATOR = f"{SEPARATOR}#"  # the one of our launcher, which begins a line for it, and for the end mark
END_MARK = re.compile(r"#{24}\[AWS BATCH\] END \d+ #{24}")  # the launcher's last line
STREAMS_PER_CALL = 100  # FilterLogEvents
FIRST_SETTLE = 5.0  # s after a job's end to read its log, as long as nothing is known of the delays
SHORTEST_SETTLE, LONGEST_SETTLE = 1.0, 60.0  # s
EMPTY_SETTLE = 10.0  # s; a log without a line shows no delay
MISSING_SETTLE = 20.0  # s; the log driver makes the stream before the container starts
TAIL_LINES, TAIL_WIDTH = 10, 400


def is_mark(line: str) -> bool:
    """Whether a line of a log is none of the job's own."""
    return line.startswith(SEPARATOR) or END_MARK.fullmatch(line) is not None


class Sink(Protocol):
    """Takes bytes, as a file does."""

    def write(self, data: bytes, /) -> object: ...


class Splitter:
    """Divides the lines of a container's one stream into stdout and stderr (spec, States, logs and records).

    `ended` says whether the last line is the launcher's end mark: then the stream is whole.
    """

    def __init__(self, out: Sink, err: Sink) -> None:
        self._out, self._err = out, err
        self._to = out
        self._empty = False  # an empty line that may be the launcher's
        self.ended = False
        self.lines = self.size = 0  # size in characters
        self._tails: dict[Sink, deque[str]] = {one: deque(maxlen=TAIL_LINES) for one in (out, err)}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one log event; `flush` follows the last one."""
        self.write(event["message"])

    def write(self, message: str) -> None:
        """Take its text: a line, or several where the log driver joins them."""
        self.size += len(message)
        for line in message.split("\n"):
            self.lines += 1
            self.ended = END_MARK.fullmatch(line) is not None
            if self.ended or line.startswith(LAUNCHER_SEPARATOR):
                self._empty = False
            else:
                self.flush()
            if line.startswith(SEPARATOR):
                self._to = self._err
            elif not line:
                self._empty = True
            elif not self.ended:
                self._put(line)

    def flush(self) -> None:
        """Pass on an empty line that was kept back."""
        if self._empty:
            self._empty = False
            self._put("")

    def _put(self, line: str) -> None:
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
        self._marked = False
        self._lock = threading.Lock()

    def saw(self, delay: float) -> None:
        """A line came `delay` seconds after it was written."""
        with self._lock:
            self._worst = max(self._worst or 0.0, delay)

    def saw_mark(self) -> None:
        """A log ended with the launcher's mark; those of other jobs may do so, too."""
        self._marked = True

    def first_look(self) -> float:
        """Seconds after a job's end when its log is worth a first look."""
        return min(self.settle(), SHORTEST_SETTLE) if self._marked else self.settle()

    def settle(self, lines: int | None = None, *, missing: bool = False) -> float:
        """Seconds to wait after the end of a job whose log has so many lines so far (None: not looked yet)."""
        if self._embedded:
            return 0.0
        worst = self._worst
        usual = FIRST_SETTLE if worst is None else min(max(2 * worst + 1, SHORTEST_SETTLE), LONGEST_SETTLE)
        if lines == 0:
            return max(usual, MISSING_SETTLE if missing else EMPTY_SETTLE)
        return usual


def stream_events(cloud: Cloud, place: LogPlace) -> Iterator[dict[str, Any]]:
    """The events of a stream from its head. A page may be empty before the end; a repeated token is the end.

    While the events of a page are taken, the next one is on its way.
    """

    def ask(**token: str) -> Any:
        return cloud.call(
            "logs", "GetLogEvents", place.region, logGroupName=place.group, logStreamName=place.stream,
            startFromHead=True, **token,
        )  # fmt: skip

    page, token = ask(), ""
    ahead = DaemonPool(1)
    try:
        while page["nextForwardToken"] != token:
            token = page["nextForwardToken"]
            coming = ahead.submit(partial(ask, nextToken=token))
            yield from page["events"]
            page = coming.result()
        yield from page["events"]
    finally:
        ahead.shutdown(wait=False)


def events_of_streams(cloud: Cloud, places: Sequence[LogPlace]) -> Iterator[dict[str, Any]]:
    """The events of up to 100 streams of one group, in the order of each stream; they carry its logStreamName.

    Raises AwsError (ResourceNotFoundException) if one of the streams does not exist.
    """
    for page in pages_of_streams(cloud, places):
        yield from page


def pages_of_streams(cloud: Cloud, places: Sequence[LogPlace], since: int = 0) -> Iterator[list[dict[str, Any]]]:
    """The same a call at a time, and only what is not older than `since` (ms)."""
    first = places[0]
    names = [place.stream for place in places]
    more = {"startTime": since} if since else {}
    for page in cloud.pages(
        "logs", "FilterLogEvents", first.region, logGroupName=first.group, logStreamNames=names, **more
    ):
        yield page["events"]
