"""Where the output of a job stands: the bytes of a file, its own or one that it shares."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from jobbag.events.events import LogsWritten, Merged
from jobbag.files import beside

CHUNK = 1024 * 1024  # bytes


def copy(source: BinaryIO, target: BinaryIO, size: int = sys.maxsize) -> int:
    """Add so many bytes of a file, or what is left of it, to another. Returns their CRC-32."""
    crc = 0
    while data := source.read(min(size, CHUNK)):
        target.write(data)
        crc = zlib.crc32(data, crc)
        size -= len(data)
    return crc


class Range(NamedTuple):
    """Bytes of one of these files, the first that has them; `sum` is their CRC-32, None if it is not known."""

    files: tuple[Path, ...]
    begin: int
    end: int
    sum: int | None

    @property
    def file(self) -> Path | None:
        """The file that has them; None if there is none."""
        for path in self.files:
            with suppress(OSError), path.open("rb") as file:
                file.seek(self.begin)
                left, crc = self.end - self.begin, 0
                while data := file.read(min(left, CHUNK)):
                    crc = zlib.crc32(data, crc)
                    left -= len(data)
                if not left and self.sum in (None, crc):
                    return path
        return None

    def lines(self) -> Iterator[bytes]:
        """The lines of them. Raises OSError."""
        path, left = self.file, self.end - self.begin
        if path is not None:
            with path.open("rb") as file:
                file.seek(self.begin)
                while line := file.readline(left):
                    left -= len(line)
                    yield line

    def copy(self, target: BinaryIO) -> bool:
        """Add them to another file; false, and nothing is added, if none of the files has them."""
        start = target.tell()
        for path in self.files:
            with suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(self.begin)
                crc = copy(file, target, self.end - self.begin)
                if self.sum in (None, crc) and target.tell() - start == self.end - self.begin:
                    return True
            target.seek(start)
            target.truncate()
        return False


def ranges_of(written: LogsWritten) -> list[Range]:
    """The stdout and the stderr of a job in its files, which are there, or in its share of one. Raises OSError."""
    if written.share is None:
        return [Range((path,), 0, path.stat().st_size, None) for path in (written.out, written.err)]
    files, begin, middle = (written.out,), written.share.start, written.share.start + written.share.out
    return [Range(files, begin, middle, None), Range(files, middle, middle + written.share.err, None)]


def merged_targets(prefix: Path) -> list[Path]:
    """The merged files: of stdout, and of stderr."""
    return [prefix.with_name(f"{prefix.name}.{ending}") for ending in ("out", "err")]


def merged_ranges(targets: list[Path], merged: Merged) -> list[Range]:
    """A job's output in the merged files, finished or not; none if an earlier version noted it, without a sum."""
    if merged.starts is None or merged.sums is None:
        return []
    found = zip(targets, merged.starts, (merged.out_size, merged.err_size), merged.sums, strict=True)
    return [Range((beside(target), target), begin, end, crc) for target, begin, end, crc in found]
