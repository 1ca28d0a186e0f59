"""A journal that somebody may be writing to, read without its lock."""

from __future__ import annotations

import os
from pathlib import Path


class Tail:
    """The whole lines of a file, as they come. One that is torn may be going on, or its writer was killed."""

    def __init__(self, path: Path) -> None:
        """Of the file that is there now. Raises OSError."""
        self._path = path
        self._file = _which(path.stat())
        self._read = 0  # bytes

    def is_another(self) -> bool:
        """Whether what was read is not the beginning of the file any more: another run has begun. Raises OSError."""
        return self._is_another(self._path.stat())

    def lines(self) -> list[bytes]:
        """Those that have come since the last call; none if it is another file by now. Raises OSError."""
        with self._path.open("rb") as file:
            if self._is_another(os.fstat(file.fileno())):
                return []
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.splitlines(keepends=True)

    def _is_another(self, seen: os.stat_result) -> bool:
        return _which(seen) != self._file or seen.st_size < self._read


def _which(seen: os.stat_result) -> tuple[int, int]:
    return seen.st_dev, seen.st_ino
