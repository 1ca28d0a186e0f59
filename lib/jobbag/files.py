"""Files that are replaced whole, numbered files, and files with the names that jobs have."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TextIO


def named(name: str) -> Path:
    """The path of the file with this name in UTF-8, whatever the encoding of the locale is."""
    return Path(os.fsdecode(name.encode()))


def beside(path: Path) -> Path:
    """Where the new content of the file at `path` is written until it is whole."""
    return path.with_name(f"{path.name}.part")


def put_in_place(path: Path) -> None:
    """Let what was written `beside` it take the place of the file at `path`, whole."""
    os.replace(beside(path), path)


def fsync(file: int) -> None:
    """Have what was written to an open file on disk, as far as its file system can promise that. Raises OSError."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def sync(path: Path) -> None:
    """The same for the content of the file at `path`, or for the names in that directory."""
    file = os.open(path, os.O_RDONLY)
    try:
        fsync(file)
    finally:
        os.close(file)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write the new content of the file at `path`, which is put in its place at the end.

    After an error, the old file is there as it was, and nothing beside it.
    """
    try:
        yield beside(path)
        put_in_place(path)
    except BaseException:
        beside(path).unlink(missing_ok=True)
        raise


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A new content of the file at `path`, as text, which takes the place of the old one durably."""
    target = path.resolve()  # a link stays one
    with replacing(target) as part, part.open("w", encoding="utf-8") as file:
        yield file
        file.flush()
        fsync(file.fileno())


def first_free(path: Path, make: Callable[[Path], object]) -> Path:
    """The first of FILE.000, FILE.001, … that is not there yet.

    `make` makes a file, or raises FileExistsError where there is one.
    """
    numbers = count()
    while True:
        free = path.with_name(f"{path.name}.{next(numbers):03d}")
        with suppress(FileExistsError):
            make(free)
            return free
