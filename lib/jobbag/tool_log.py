"""The tool's own log: on stderr, or in a numbered file that is not made before the input is known to be right."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Protocol

from jobbag.errors import PROG, InputError
from jobbag.files import first_free
from jobbag.text import plain

log = logging.getLogger(__name__)

TRACE = 5
LEVELS = {
    "error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG, "trace": TRACE,
}  # fmt: skip
_NAMES = {number: name.upper() for name, number in LEVELS.items()} | {logging.CRITICAL: "ERROR"}

UNADORNED = {"unadorned": True}  # `extra` of a record that a terminal shows without time and level


class _Formatter(logging.Formatter):
    """`2026-11-22 08:02:18.123 INFO  [module] message`, local time, as the Java tool's."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def format(self, record: logging.LogRecord) -> str:
        if self._terminal and getattr(record, "unadorned", False):
            return plain(record.getMessage())
        when = f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')}.{int(record.msecs):03d}"
        line = f"{when} {_NAMES.get(record.levelno, record.levelname):5} [{record.module}] {plain(record.getMessage())}"
        if record.exc_info:
            line += "\n" + "\n".join(map(plain, self.formatException(record.exc_info).splitlines()))
        return line


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


class Writable(Protocol):
    """Text can be written to it, as to a file."""

    def write(self, text: str, /) -> object: ...


class ToolLog:
    """The log of one run of the tool. A context manager, during which the log goes where the options say."""

    def __init__(self, level: str, path: Path | None) -> None:
        """`level`: one of LEVELS; `path`: of --log-file. None: the log goes to stderr."""
        self._path = path
        self._logger = logging.getLogger("jobbag")
        self._level = LEVELS[level]
        self._terminal: logging.StreamHandler[Writable] = logging.StreamHandler(sys.stderr)
        self._target: logging.Handler = self._terminal
        if path is not None:
            self._target = MemoryHandler(capacity=1_000_000, flushLevel=logging.CRITICAL + 1)
        self.on_terminal = path is None

    def __enter__(self) -> ToolLog:
        self._before = self._logger.level, self._logger.propagate
        self._logger.setLevel(self._level)
        self._logger.propagate = False
        self._install(self._target)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._target)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]
        if isinstance(self._target, MemoryHandler):
            # No run has begun, so there is no file; who asked for details gets them on stderr.
            if self._level <= logging.DEBUG:
                self._replay(self._target, self._formatted(self._terminal))
        elif isinstance(self._target, logging.FileHandler):
            self._target.close()

    def shows(self, level: int) -> bool:
        """Whether records of this level are shown on stderr."""
        return self._path is None and self._level <= level

    def open(self) -> Path | None:
        """Open the log file FILE.000, or the first free number, and move there what was logged so far.

        Returns its path, None without --log-file. Raises InputError where it cannot be made.
        """
        if self._path is None or not isinstance(self._target, MemoryHandler):
            return None
        memory = self._target
        try:
            mode = 0o600 if self._level <= TRACE else 0o666  # requests and answers are nobody else's business
            path = first_free(self._path, lambda free: free.touch(mode, exist_ok=False))
        except OSError as error:
            raise InputError.of(f"--log-file {self._path}", error.strerror or str(error)) from None
        file = _LogFile(path, encoding="utf-8", errors="backslashreplace")
        self._logger.removeHandler(memory)
        self._install(file)
        self._target = file
        self._replay(memory, file)
        return path

    @contextmanager
    def through(self, stream: Writable) -> Iterator[None]:
        """During this context, records for stderr go to this stream, with one write each."""
        before = self._terminal.setStream(stream)
        try:
            yield
        finally:
            self._terminal.setStream(before or sys.stderr)

    def error(self, lines: list[str]) -> None:
        """Put the error that ends the run into the log file, if there is one. (stderr gets it anyway.)"""
        if self._path is not None and not isinstance(self._target, MemoryHandler):
            for line in lines:
                log.error("%s", line)

    def _install(self, handler: logging.Handler) -> None:
        self._logger.addHandler(self._formatted(handler))

    def _formatted(self, handler: logging.Handler) -> logging.Handler:
        handler.setFormatter(_Formatter(terminal=handler is self._terminal and sys.stderr.isatty()))
        return handler

    @staticmethod
    def _replay(memory: MemoryHandler, to: logging.Handler) -> None:
        for record in memory.buffer:
            to.handle(record)
