"""Where results are written, whatever their keys in S3 are called: below the directory of their job, or nowhere."""

from __future__ import annotations

import hashlib
import os
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
        if (
            "" in parts
            or "." in parts
            or "\0" in name
            or any(len(os.fsencode(named(part))) > LONGEST_NAME for part in parts)
        ):
            raise Unsuitable("no file can have its name")
        path = self.home / named(job)
        for part in (None, *parts[:-1]):
            path = path if part is None else path / named(part)
            if path.is_symlink():
                raise Unsuitable(f"{path} is a link")
            try:
                path.mkdir(parents=part is None, exist_ok=True)
            except FileExistsError:
                raise Unsuitable(f"{path} is a file, and it needs a directory there") from None
        path /= named(parts[-1])
        if path.is_dir() and not path.is_symlink():
            raise Unsuitable(f"{path} is a directory")
        if self._inputs and os.path.realpath(path) in self._inputs:
            raise Unsuitable(f"it would overwrite the input {path}")
        return path

    def part_of(self, key: str) -> Path:
        """Where an object is written until it is whole. No job has such a directory, as no name has a dot in front."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        return self._incoming / hashlib.sha256(key.encode()).hexdigest()[:32]

    def tidy(self) -> None:
        """Remove the directory for what is not whole, unless another run uses it."""
        with suppress(OSError):
            self._incoming.rmdir()
