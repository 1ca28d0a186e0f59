"""Where results are written, whatever their keys in S3 are called: below the directory of their job, or nowhere."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jobbag.bag.job import Bag
from jobbag.files import named

LONGEST_NAME = 255  # bytes, of each part of a path


class Unsuitable(Exception):
    """A result can have no file here; why, in a few words."""


class ResultFiles:
    """The directory of the results, with one for each job."""

    def __init__(self, home: Path, bag: Bag) -> None:
        """`bag`: none of its inputs is written over."""
        self.home = home
        self._incoming = home / ".incoming"
        below = os.path.join(os.path.realpath(home), "")
        paths = (path for item in bag.local_files() for path in bag.paths_of(item))
        self._inputs = {real for real in map(os.path.realpath, paths) if real.startswith(below)}

    def place_of(self, job: str, name: str) -> Path:
        """The path of the result with this name of a job, in a directory that is there.

        Raises Unsuitable, and OSError where the directory cannot be made.
        """
        parts = name.split("/")
        if ".." in parts or not parts[0]:
            raise Unsuitable("its name leads out of the directory of its job")
        if "" in parts or "." in parts or "\0" in name or max(map(len, map(str.encode, parts))) > LONGEST_NAME:
            raise Unsuitable("no file can have its name")
        path = os.path.join(self._directory_of([job, *parts[:-1]]), named(parts[-1]))
        if _is_directory(path):
            raise Unsuitable(f"{path} is a directory")
        if self._inputs and os.path.realpath(path) in self._inputs:
            raise Unsuitable(f"it would overwrite the input {path}")
        return Path(path)

    def _directory_of(self, names: Sequence[str]) -> str:
        """A directory that has these names below each other, and is there. Raises the same."""
        path = str(self.home)
        for name in names:
            path = os.path.join(path, named(name))
            if _is_directory(path):  # as nearly all
                continue
            if os.path.islink(path):
                raise Unsuitable(f"{path} is a link")
            try:
                os.makedirs(path, exist_ok=True)
            except FileExistsError:
                raise Unsuitable(f"{path} is a file, and it needs a directory there") from None
        return path

    def part_of(self, key: str) -> Path:
        """Where an object is written until it is whole. No job has such a directory, as no name has a dot in front."""
        return self._incoming / hashlib.sha256(key.encode()).hexdigest()[:32]

    def tidy(self) -> None:
        """Remove the directory for what is not whole, unless another run uses it."""
        with suppress(OSError):
            self._incoming.rmdir()


def _is_directory(path: str) -> bool:
    """Whether it is one itself, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
