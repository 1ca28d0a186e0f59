"""The one stream of a container → its stdout and stderr."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from jobbag.events.observation import Peak
from jobbag.logs.lines import Lines

SEPARATOR = "########################[AWS BATCH] TASK STDERR ########################"
LAUNCHER_SEPARATOR = f"{SEPARATOR}#"  # the launcher's, which puts a newline in front of it, and of its end mark
# The launcher's last line: token, exit status, and the memory that was used (bytes), with + that of one process alone.
# That of earlier versions has no memory.
_END_MARK = re.compile(r"#{24}\[AWS BATCH\] END (?:(\S+) )?(\d{1,3})(?: memory=(\d{1,19})(\+?))? #{24}")
_RECORD = re.compile(r"\[(?=(?:cluster|seqexec)-)")  # how a record begins, for Pegasus anywhere in a line
TAIL_LINES, TAIL_WIDTH = 10, 400  # lines, and characters of each, that are kept for the report of a failure


def is_mark(line: str, *, launched: bool) -> bool:
    """Whether a line of a log is a separator or an end mark, and so not written by the job's own program.

    `launched`: the launcher starts the job.
    """
    return line.startswith(SEPARATOR) or (launched and _END_MARK.fullmatch(line) is not None)


def exit_status_in(message: str, token: str) -> int | None:
    """The exit status in the end mark with which an event's text ends; None if it has no such mark of this token."""
    found = _END_MARK.fullmatch(message.rstrip("\n").rpartition("\n")[2])
    return int(found[2]) if found is not None and found[1] == token else None


class Sink(Protocol):
    """Bytes can be written to it, as to a file."""

    def write(self, data: bytes, /) -> object: ...


class Splitter:
    """Divides the lines of a container's one stream into stdout and stderr (the manual page, OUTPUT).

    `ended` says whether the last line is the launcher's end mark: then the stream is whole. In stdout, what would be a
    record for Pegasus gets a space behind its bracket: a job does not speak for the run.
    """

    def __init__(self, out: Sink, err: Sink, *, token: str | None = None) -> None:
        """`token`: that of the job's end mark; None if the launcher does not start it."""
        self._out, self._err = out, err
        self._token = token
        self._to = out
        self._of_events = Lines()
        self._empty = False  # an empty line was read, which may be the launcher's
        self.ended = False
        self.peak: Peak | None = None  # as the end mark tells it
        self.lines = self.size = 0  # read so far; the size in characters
        self._tails: dict[Sink, deque[str]] = {one: deque(maxlen=TAIL_LINES) for one in (out, err)}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event of CloudWatch Logs; call `flush` after the last one."""
        self.size += len(event["message"])
        for line in self._of_events.take(event):
            self.write(line)

    def write(self, line: str) -> None:
        """Take a line, without its newline."""
        self.lines += 1
        self.ended = self._is_end(line)
        if self.ended or line.startswith(LAUNCHER_SEPARATOR):
            self._empty = False
        else:
            self._keep_empty()
        if line.startswith(SEPARATOR):
            self._to = self._err
        elif not line:
            self._empty = True
        elif not self.ended:
            self._put(line)

    def _is_end(self, line: str) -> bool:
        found = _END_MARK.fullmatch(line) if self._token is not None else None
        if found is None or found[1] != self._token:
            return False
        self.peak = Peak(int(found[3]), whole=not found[4]) if found[3] else None
        return True

    def flush(self) -> None:
        """Write what was kept back, as nothing follows."""
        for line in self._of_events.rest():
            self.write(line)
        self._keep_empty()

    def _keep_empty(self) -> None:
        """Write an empty line that was kept back, as it turned out not to be the launcher's."""
        if self._empty:
            self._empty = False
            self._put("")

    def _put(self, line: str) -> None:
        if self._to is self._out and "-" in line:
            line = _RECORD.sub("[ ", line)
        self._to.write(line.encode(errors="replace") + b"\n")
        self._tails[self._to].append(line[:TAIL_WIDTH])

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines of stderr; those of stdout, if stderr has none."""
        return tuple(self._tails[self._err] or self._tails[self._out])
