"""Writes the output of jobs to files: in memory as long as it is small, else in a file beside the final one.

The small outputs of many jobs can share one file until they are merged: a file for each of thousands of jobs would
take longer than all else, above all on NFS or Lustre.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from jobbag.bag.job import Job
from jobbag.events.events import Share
from jobbag.files import beside, naming, put_in_place, replacing, sync
from jobbag.threads import DaemonPool

SYNCS = 16  # files that are synced at once: file systems have one write of their own for many
IN_MEMORY = 64 * 1024  # bytes, at most, of a file that is only in memory


class Places(Protocol):
    """The paths of the output of jobs, and what stands there beside it."""

    @property
    def records(self) -> bool:
        """Whether the record of a job stands behind its stdout."""

    def paths(self, job: Job) -> tuple[Path, Path]:
        """The .out and the .err file of a job."""

    def shared(self, job: Job) -> Path | None:
        """A new file for the small outputs of several jobs, of which this is the first; None if each has its own."""


class _Part:
    """A file that is being written: in memory as long as it is small, as there may be hundreds at once, then beside
    its final place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self.size = 0  # bytes

    def write(self, data: bytes) -> None:
        """Add to the content."""
        self.size += len(data)
        self._memory += data
        if len(self._memory) > IN_MEMORY:
            self._flush()

    def _flush(self) -> None:
        with naming(self._path):
            if self._file is None:
                self._file = beside(self._path).open("wb")
            self._file.write(self._memory)
        self._memory.clear()

    @property
    def content(self) -> bytes | None:
        """All of it, if it is small."""
        return bytes(self._memory) if self._file is None else None

    def end(self) -> Path:
        """No more is written. Returns the final place of the file, which stands beside it."""
        self._flush()
        assert self._file is not None
        with naming(self._path):
            self._file.close()
        return self._path

    def drop(self) -> None:
        """Leave nothing of a file that was not put in its place."""
        if self._file is not None:
            self._file.close()
            beside(self._path).unlink(missing_ok=True)


class Output:
    """A job's .out and .err while they are written. `commit` puts them in their places, whole; without it nothing
    of them is left. A context manager.
    """

    def __init__(self, paths: tuple[Path, Path]) -> None:
        self.paths = paths
        self.streams = [_Part(path) for path in paths]

    def __enter__(self) -> Output:
        return self

    def end(self, record: str | None, note: str | None) -> None:
        """Add the record to stdout and the note to stderr."""
        out, err = self.streams
        if record is not None:
            out.write(record.encode(errors="replace") + b"\n")
        if note is not None:
            err.write(note.encode(errors="replace") + b"\n")

    @property
    def contents(self) -> tuple[bytes, bytes] | None:
        """The bytes of .out and .err; None if one of them is too large for memory."""
        out, err = (stream.content for stream in self.streams)
        return None if out is None or err is None else (out, err)

    @property
    def sizes(self) -> tuple[int, int]:
        """The bytes of .out and .err."""
        out, err = (stream.size for stream in self.streams)
        return out, err

    def __exit__(self, *_: object) -> None:
        for stream in self.streams:
            stream.drop()


def commit(outputs: Sequence[Output]) -> None:
    """Put the files of these outputs in their places, each by rename, and have all of it on disk. Raises OSError."""
    paths = [stream.end() for output in outputs for stream in output.streams]
    pool = DaemonPool(SYNCS)
    try:
        for synced in [pool.submit(sync, beside(path)) for path in paths]:
            synced.result()
    finally:
        pool.shutdown(wait=False)
    for path in paths:
        put_in_place(path)
    for directory in {path.parent for path in paths}:
        sync(directory)


def write_shared(contents: Sequence[tuple[bytes, bytes]], path: Path) -> list[Share]:
    """Put the .out and .err of several jobs into one file, by rename, and have it on disk.

    Returns where in it those of each job are.

    Raises OSError.
    """
    shares, start = [], 0
    for out, err in contents:
        shares.append(Share(start, len(out), len(err), len(contents)))
        start += len(out) + len(err)
    with replacing(path) as part, naming(path):
        part.write_bytes(b"".join(data for pair in contents for data in pair))
        sync(part)
    sync(path.parent)
    return shares
