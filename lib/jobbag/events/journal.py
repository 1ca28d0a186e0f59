"""The journal: what a run decides and learns, one JSON event a line, so that it can be taken up again.

State is the events replayed. A line is appended with one write, and made durable (fsync) where it must be on disk
before the run acts on it; no lock is used that NFS lacks. A torn last line is normal: it was never acted on.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from jobbag.bag.job import Job
from jobbag.errors import InputError
from jobbag.events.encoding import KINDS, Decoder, encode
from jobbag.events.events import Event
from jobbag.files import beside, first_free, fsync, naming, replacing

FORMAT = 1
_BEGIN = b'{"event":"Run",'  # of each journal
_MARKS = ("Making", "Made", "TakenDown", "Submitting", "Finished")
_NO_MARKS = tuple(f'{{"event":"{kind}",'.encode() for kind in KINDS if kind not in _MARKS)  # how such lines begin
_decoded = json.JSONDecoder().decode


@dataclass(frozen=True)
class Header:
    """The first line: which run it is, and what it was asked to do.

    A later start is the same run only if it is given the same `options` and `jobs` (a digest by job name, in the
    order of the bag).
    """

    run: str
    started: int  # ms since the epoch
    options: Mapping[str, str]
    jobs: Mapping[str, str]
    retry_failed: bool = False  # it runs only what failed in the run before
    update: bool = False  # it runs only that and what has changed since
    own_keys: bool = False  # in a bucket that nobody named, its keys are below its id; once they were not

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return "update" if self.update else "retry" if self.retry_failed else "run"


@dataclass(frozen=True)
class Past:
    """The content of a journal that an earlier start wrote. `lines` are all of it, as they are in the file."""

    header: Header
    lines: Iterable[bytes]

    @cached_property
    def _marks(self) -> tuple[bool, bool, bool]:
        """Whether the run is finished, whether it has sent something, and whether its last start left in order."""
        done = sent = False
        clean = in_order = True
        for line in self.lines:
            if line.startswith(_NO_MARKS):  # nearly all: to parse them takes much longer
                continue
            content = _parsed(line)
            match content and content["event"]:
                case "Making" | "Made":
                    clean = in_order = False
                case "TakenDown":
                    clean = in_order = True
                case "Submitting":
                    done = in_order = False
                    sent = True
                case "Staged" | "PartsAsked" | "Attached":
                    in_order = False
                case "Finished":
                    done = True
        return done and clean, sent, in_order

    @property
    def finished(self) -> bool:
        """Whether that run reached its end, and nothing that it made is left to remove."""
        return self._marks[0]

    @property
    def has_sent(self) -> bool:
        """Whether a job was sent, or may have been."""
        return self._marks[1]

    @property
    def left_in_order(self) -> bool:
        """Whether nothing of that run is under way in AWS or left to remove, be it finished or not."""
        return self._marks[2]

    @property
    def succeeded(self) -> frozenset[str]:
        """The names of the jobs that AWS Batch has said to have succeeded."""
        names = dict(enumerate(self.header.jobs, 1))
        changes = filter(None, (_parsed(line) for line in self.lines if b"SUCCEEDED" in line))
        seen = (one for one in changes if one["event"] == "StateChanged")
        return frozenset(names[one["job"]] for one in seen if one["observation"]["status"] == "SUCCEEDED")

    def events(self, by_number: Mapping[int, Job]) -> Iterator[Event]:
        """The events, with the jobs by the numbers that they had.

        Left out are lines that cannot be read, and those of jobs that are not in `by_number`.
        """
        decoder = Decoder(by_number)
        for line in self.lines:
            try:
                if (content := _parsed(line)) is not None:
                    yield decoder.event(content)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue


class _Lines:
    """The lines of a journal, each time from the file: it may be larger than the memory."""

    def __init__(self, path: Path) -> None:
        """Lines that come later do not count. Raises OSError."""
        self._path = path
        with path.open("rb") as file:
            self._size = os.fstat(file.fileno()).st_size

    def __iter__(self) -> Iterator[bytes]:
        left = self._size
        with self._path.open("rb") as file:
            while left > 0 and (line := file.readline(left)):
                left -= len(line)
                yield line


def read(path: Path) -> Past | None:
    """The journal of an earlier start, if there is one with a first line. Raises InputError.

    The file must stay where it is as long as events are taken from it.
    """
    try:
        lines = _Lines(path)
        first = next(filter(None, map(_parsed, lines)), None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError.of(str(path), f"cannot read the journal: {error.strerror}") from None
    if first is None or first["event"] != "Run":
        return None
    if first.get("format") != FORMAT:
        raise InputError.of(str(path), "this journal is of another version of the tool; use --fresh to set it aside")
    try:
        header = Header(
            str(first["run"]),
            int(first["started"]),
            dict(first["options"]),
            dict(first["jobs"]),
            bool(first.get("retry_failed")),
            bool(first.get("update")),
            bool(first.get("own_keys")),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError.of(str(path), "is no journal of this tool; use --fresh to set it aside") from None
    return Past(header, lines)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        content = _decoded(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("event"), str) else None


class Journal:
    """An open journal; a consumer of events. A context manager."""

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None) -> None:
        """Append to the file at `path`. A torn last line is ended, and so left out.

        `check` is called before each write; it raises ToolError where the journal is another run's by now.
        """
        self.path = path
        self._check = check
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._file).st_size
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.close(self._file)

    def begin(self, header: Header) -> None:
        """Write the first line, durably."""
        self._write({"event": "Run", "format": FORMAT, **dataclasses.asdict(header)})
        self.sync()

    def __call__(self, event: Event) -> None:
        """Append an event, if it is one that a later start needs."""
        if type(event).__name__ in KINDS:
            self._write(encode(event))

    def durably(self, event: Event) -> None:
        """Append an event, and return once it is on disk."""
        self(event)
        self.sync()

    def sync(self) -> None:
        """Make all that was appended durable."""
        fsync(self._file, self.path)

    def _write(self, content: Mapping[str, Any]) -> None:
        self._check()
        self._append(json.dumps(content, separators=(",", ":")).encode() + b"\n")

    def _append(self, data: bytes) -> None:
        data = b"\n" + data if self._torn else data
        self._torn = True  # until the last byte is written: the disk may be full
        with naming(self.path):
            while data:
                data = data[os.write(self._file, data) :]
        self._torn = False


def begin_anew(path: Path, header: Header, events: Iterable[Event]) -> Path | None:
    """Begin a journal with these events at `path`; returns the new name of the one that was there.

    If the process is killed meanwhile, the file at `path` is the old journal or the new one, and whole: of a torn one,
    nobody would know which jobs have succeeded.
    """
    with replacing(path) as new:
        new.unlink(missing_ok=True)
        with Journal(new) as notes:
            notes.begin(header)
            for event in events:
                notes(event)
            notes.sync()
        return first_free(path, lambda free: _keep(path, free)) if path.exists() else None


def remove_leftover(path: Path) -> None:
    """Remove what a start that was killed in `begin_anew` has left. For who holds the lock on the journal."""
    new = beside(path)
    with suppress(OSError):
        with new.open("rb") as file:
            begin = file.read(len(_BEGIN))
        if _BEGIN.startswith(begin):  # else it is no journal: somebody else's file
            new.unlink()


def _keep(path: Path, name: Path) -> None:
    """Give a file a second name, or make a copy with that name. Raises FileExistsError where it is taken."""
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # not every file system has links
        name.touch(exist_ok=False)
        shutil.copyfile(path, name)
