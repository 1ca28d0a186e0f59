"""A journal that somebody may be writing to, read without its lock."""

from __future__ import annotations

import os
from pathlib import Path


class Tail:
    """The whole lines of a file, as they come. One that is torn may be going on, or its writer was killed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None  # which one it is
        self._read = 0  # bytes

    def is_another(self) -> bool:
        """Whether what was read is not the beginning of the file any more: another run has begun. Raises OSError."""
        seen = self._path.stat()
        return self._file is not None and ((seen.st_dev, seen.st_ino) != self._file or seen.st_size < self._read)

    def lines(self) -> list[bytes]:
        """Those that have come since the last call. Raises OSError."""
        with self._path.open("rb") as file:
            seen = os.fstat(file.fileno())
            self._file = seen.st_dev, seen.st_ino
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.splitlines(keepends=True)
