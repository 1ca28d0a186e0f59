"""What is in a local directory that is an input of jobs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A file in a directory; `name` is its path below that, with "/" between the parts."""

    path: str
    name: str
    executable: bool


@dataclass(frozen=True, slots=True)
class Content:
    """The files in a directory and all below it, by name, and the directories in it that are empty."""

    files: tuple[File, ...]
    empty: tuple[str, ...]


def is_directory(item: str) -> bool:
    """Whether a local input is a directory."""
    return os.path.isdir(item)


def content_of(directory: str) -> Content:
    """What is in a directory; links count as what they lead to. Raises OSError."""
    files: list[File] = []
    empty: list[str] = []
    for name, entry in _walk(directory, "", ()):
        if entry is None:
            empty.append(name)
        else:
            files.append(File(entry.path, name, os.access(entry.path, os.X_OK)))
    return Content(tuple(sorted(files, key=lambda file: file.name)), tuple(sorted(empty)))


def state_of_directory(directory: str) -> tuple[int, int]:
    """The bytes of the files in a directory, and a number that changes with any of them. Raises OSError."""
    content = content_of(directory)
    states = [(file.name, file.executable, *state_of_file(file.path)) for file in content.files]
    return sum(size for _, _, size, _ in states), _number((tuple(states), content.empty))


def state_of_file(path: str) -> tuple[int, int]:
    """Size (bytes) and time of the last change (ns since the epoch) of a file. Raises OSError."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def _number(value: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(value).encode(errors="surrogateescape")).digest()[:6], "big")


def _walk(
    directory: str, name: str, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, os.DirEntry[str] | None]]:
    """The files below a directory, with their names; None for one that is empty.

    A link that leads to a directory above is an error: the directory would have no end.
    """
    found = os.stat(directory)
    this = found.st_dev, found.st_ino
    if this in above:
        raise OSError(None, "a link in it leads to a directory above")
    with os.scandir(directory) as entries:
        inside = list(entries)
    if not inside and name:
        yield name, None
    for entry in inside:
        path = f"{name}/{entry.name}" if name else entry.name
        if entry.is_dir():
            yield from _walk(entry.path, path, (*above, this))
        else:
            yield path, entry
