"""A file whose parts come in any order, read from its beginning while it comes."""

from __future__ import annotations

import os
import threading
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobbag.errors import Cancelled

if TYPE_CHECKING:
    from typing_extensions import Self

READ_SIZE = 1024 * 1024  # bytes
LET_GO = 64 * 1024 * 1024  # bytes that were read after which the system is told so


class Arriving:
    """A file that comes. Threads write its parts, and one reader waits for what is not there yet.

    A context manager: leaving it closes the file, once no other thread writes.
    """

    def __init__(self, path: Path, size: int) -> None:
        """`size`: bytes that will come. Raises OSError."""
        self.size = size
        self.error: BaseException | None = None  # for which no more will come
        self._changed = threading.Condition()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._parts: dict[int, int] = {}  # those not yet behind each other: where one begins, and where it ends
        self._there = 0  # bytes from the beginning without a gap
        self._writing = 0  # threads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self.error = self.error or ValueError("the file is closed")
            while self._writing:
                self._changed.wait()
            os.close(self._file)

    def write(self, start: int, content: bytes) -> None:
        """Write some of a part to its place. Raises OSError; Cancelled, once nobody waits for the file any more."""
        with self._changed:
            if self.error is not None:
                raise Cancelled("nobody waits for the file any more")
            self._writing += 1
        try:
            left, at = memoryview(content), start
            while left:
                written = os.pwrite(self._file, left, at)
                left, at = left[written:], at + written
        finally:
            with self._changed:
                self._writing -= 1
                if self.error is not None:
                    self._changed.notify_all()

    def arrived(self, start: int, end: int) -> None:
        """Let the reader have a part, all of which was written."""
        with self._changed:
            self._parts[start] = end
            while self._there in self._parts:
                self._there = self._parts.pop(self._there)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Let the reader have this error: a part does not come."""
        with self._changed:
            self.error = self.error or error
            self._changed.notify_all()

    def wait(self, end: int | None = None) -> int:
        """Wait until so many bytes are there, or all; gives how many are. Raises the error for which they do not
        come."""
        with self._changed:
            while self.error is None and self._there < (self.size if end is None else end):
                self._changed.wait()
            if self.error is not None:
                raise self.error
            return self._there

    def read_into(self, buffer: memoryview, start: int) -> int:
        """Read from there, at least a byte if it is not the end. Raises the same, and OSError."""
        there = self.wait(min(start + 1, self.size))
        return os.preadv(self._file, [buffer[: there - start]], start)

    def let_go(self, start: int, end: int) -> None:
        """Have these bytes written to the disk, and not kept in memory: they are not read again."""
        os.posix_fadvise(self._file, start, end - start, os.POSIX_FADV_DONTNEED)

    def reader(self) -> BufferedReader:
        """Reads it from its beginning."""
        return BufferedReader(_Reading(self), READ_SIZE)


class _Reading(RawIOBase):
    def __init__(self, file: Arriving) -> None:
        super().__init__()
        self._file = file
        self._at = self._let_go = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._file.read_into(memoryview(buffer), self._at)
        self._at += got
        if self._at - self._let_go >= LET_GO:
            self._file.let_go(self._let_go, self._at)
            self._let_go = self._at
        return got
