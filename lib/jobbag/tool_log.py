"""The tool's own log: on stderr, or in a numbered file that is not made before the input is known to be right."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from jobbag.errors import PROG, InputError
from jobbag.files import first_free
from jobbag.terminal import Look, Mark, Tone, look_of
from jobbag.text import plain

log = logging.getLogger(__name__)

TRACE = 5
LEVELS = {
    "error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG, "trace": TRACE,
}  # fmt: skip
_NAMES = {number: name.upper() for name, number in LEVELS.items()} | {logging.CRITICAL: "ERROR"}
_MARKS = {logging.ERROR: Mark.FAILED, logging.WARNING: Mark.WARNING}


def style(*, mark: Mark | None = None, tone: Tone | None = None, told: bool = False) -> dict[str, Any]:
    """`extra` of a record: how it is shown where the log is short or has colours; by default as its level wants.

    `told`: stderr shows it also if the log goes to a file, and a terminal without time and mark.
    """
    return {"mark": mark, "tone": tone, "told": told}


class _Formatter(logging.Formatter):
    """`2026-11-22 08:02:18.123 INFO  [module] message`, local time, as the Java tool's."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def format(self, record: logging.LogRecord) -> str:
        when = f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')}.{int(record.msecs):03d}"
        level = f"{_NAMES.get(record.levelno, record.levelname):5}"
        if record.levelno >= logging.ERROR:
            level = self._look.painted(level, Tone.FAILED)
        line = f"{when} {level} [{record.module}] {self._message(record)}"
        if record.exc_info:
            line += "\n" + "\n".join(map(plain, self.formatException(record.exc_info).splitlines()))
        return line

    def _message(self, record: logging.LogRecord) -> str:
        mark, tone = getattr(record, "mark", None), getattr(record, "tone", None)
        return self._look.painted(plain(record.getMessage()), tone or (mark or Mark.NONE).tone)


class _ShortFormatter(_Formatter):
    """`08:02:18 ✗ message`, for a person at a terminal; what is told has neither time nor mark."""

    def format(self, record: logging.LogRecord) -> str:
        text, tone = plain(record.getMessage()), getattr(record, "tone", None)
        if getattr(record, "told", False):
            return self._look.painted(text, tone or Tone.PLAIN)
        mark = getattr(record, "mark", None) or _MARKS.get(record.levelno, Mark.NONE)
        tone = tone or (Tone.REST if mark is Mark.NONE else Tone.PLAIN)
        when = self._look.painted(self.formatTime(record, "%H:%M:%S"), Tone.REST)
        return f"{when} {self._look.marked(mark)} {self._look.painted(text, tone)}"


class _LogFile(logging.FileHandler):
    """A log file. If it cannot be written any more, that is said on stderr, once; it keeps no run from its work."""

    _is_told = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Called for an error while a record is written."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_told:
            self._is_told = True
            with suppress(OSError):
                print(f"{PROG}: cannot write {plain(self.baseFilename)}: {error.strerror}", file=sys.stderr, flush=True)


class _Memory(logging.Handler):
    """Keeps records until it is known where they go."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Writable(Protocol):
    """Text can be written to it, as to a file."""

    def write(self, text: str, /) -> object: ...


class ToolLog:
    """The log of one run of the tool. A context manager, during which the log goes where the options say."""

    def __init__(self, level: str, path: Path | None, *, quiet: bool = False, colour: str = "auto") -> None:
        """`level`: one of LEVELS; `path`: of --log-file. None: the log goes to stderr.

        `quiet`: stderr shows errors only. `colour`: as --color says.
        """
        self._path = path
        self._logger = logging.getLogger("jobbag")
        self._level = LEVELS[level]
        self.look = look_of(sys.stderr, colour)
        self.is_short = self.look.terminal and self._level >= logging.INFO
        self._stderr: logging.StreamHandler[Writable] = logging.StreamHandler(sys.stderr)
        is_short = self.is_short or path is not None  # only what is told is shown beside a file
        self._stderr.setFormatter(_ShortFormatter(self.look) if is_short else _Formatter(self.look))
        if quiet:
            self._stderr.setLevel(logging.ERROR)
        self._memory: _Memory | None = None
        self._file: _LogFile | None = None
        if path is not None:
            self._stderr.addFilter(lambda record: getattr(record, "told", False))
            self._memory = _Memory()

    def __enter__(self) -> ToolLog:
        self._before = self._logger.level, self._logger.propagate
        self._logger.setLevel(self._level)
        self._logger.propagate = False
        self._logger.addHandler(self._stderr)
        if self._memory is not None:
            self._logger.addHandler(self._memory)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._stderr)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]
        if self._memory is not None:
            self._logger.removeHandler(self._memory)
            # No run has begun, so there is no file; who asked for details gets them on stderr.
            if self._level <= logging.DEBUG:
                stderr = logging.StreamHandler(sys.stderr)
                stderr.setLevel(self._stderr.level)
                stderr.setFormatter(_Formatter(self.look))
                stderr.addFilter(lambda record: not getattr(record, "told", False))  # they are there already
                self._replay(self._memory, stderr)
        if self._file is not None:
            self._logger.removeHandler(self._file)
            self._file.close()

    @property
    def keeps_all(self) -> bool:
        """Whether the log is for looking things up, not for a person who waits: it has a line for each thing."""
        return self._path is not None or self._level < logging.INFO

    def open(self) -> Path | None:
        """Open the log file FILE.000, or the first free number, and move there what was logged so far.

        Returns its path, None without --log-file. Raises InputError where it cannot be made.
        """
        if self._path is None or self._memory is None:
            return None
        try:
            mode = 0o600 if self._level <= TRACE else 0o666  # requests and answers are nobody else's business
            path = first_free(self._path, lambda free: free.touch(mode, exist_ok=False))
        except OSError as error:
            raise InputError.of(f"--log-file {self._path}", error.strerror or str(error)) from None
        self._file = _LogFile(path, encoding="utf-8", errors="backslashreplace")
        self._file.setFormatter(_Formatter(Look(terminal=False, dumb=True, colour=False, letters=True)))
        self._logger.removeHandler(self._memory)
        self._logger.addHandler(self._file)
        self._replay(self._memory, self._file)
        self._memory = None
        return path

    @contextmanager
    def through(self, stream: Writable) -> Iterator[None]:
        """During this context, records for stderr go to this stream, with one write each."""
        before = self._stderr.setStream(stream)
        try:
            yield
        finally:
            self._stderr.setStream(before or sys.stderr)

    def error(self, lines: list[str]) -> None:
        """Put the error that ends the run into the log file, if there is one. (stderr gets it anyway.)"""
        if self._file is not None:
            for line in lines:
                log.error("%s", line)

    @staticmethod
    def _replay(memory: _Memory, to: logging.Handler) -> None:
        for record in memory.records:
            if record.levelno >= to.level:
                to.handle(record)
