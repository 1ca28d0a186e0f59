"""What a run would write over: its own input, or what it writes elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from jobbag.bag.job import Bag, Job
from jobbag.entities.plan import is_file
from jobbag.errors import Problem
from jobbag.files import STDIN, named
from jobbag.options.settings import Settings

_OF_JOB = re.compile(r"(.+)\.(?:out|err)(\.part|\.\d+)?", re.DOTALL)  # the name of a job, and what follows


def overwriting_problems(settings: Settings, bag: Bag) -> Iterator[Problem]:
    """The files that would be written over, each with what it is and what it would become."""
    files = _Files()
    for what, path in _read(settings, bag):
        files.add(path, f"the {what} {path}")
    for option, what, *paths in _written(settings):
        clashes = ((path, other) for path in paths if (other := files.find(path)) is not None)
        for path, other in islice(clashes, 1):
            yield Problem(option, f"{path} would overwrite {other}")
        for path in paths:
            files.add(path, f"the {what} {path}")
    for job, name, other in files.written_by({named(job.name).name: job for job in bag.jobs}, settings):
        yield Problem(job.where, f"its output {name} would overwrite {other}")


def _read(settings: Settings, bag: Bag) -> Iterator[tuple[str, str]]:
    if settings.conf is not None:
        yield "properties file", str(settings.conf)
    whats = {settings.commands: "file of commands", settings.sweep: "table"}
    for path in settings.bag_files:
        if path != STDIN:
            yield whats.get(path, "job submit file"), str(path)
    for value in (settings.job_definition, settings.compute_environment, settings.job_queue):
        if value is not None and is_file(value):
            yield "JSON file", value
    for item in bag.local_files():
        yield from (("input file", path) for path in bag.paths_of(item))


def _written(settings: Settings) -> Iterator[tuple[str, ...]]:
    """The option that leads to a file, what it is, its path, and those of files that it needs beside it."""
    journal = settings.journal
    yield "--prefix", "journal", str(journal), f"{journal}.held", f"{journal}.part"
    yield "--prefix", "jobstate log", str(settings.jobstate_log)
    whole = [("--summary", "summary", settings.summary), ("--report", "report", settings.report)]
    if settings.merge_logs is not None:
        whole += [("--merge-logs", "output", Path(f"{settings.merge_logs}.{ending}")) for ending in ("out", "err")]
    for option, what, path in whole:
        if path is not None:
            yield option, what, str(path), f"{path}.part"


class _Files:
    """Files that must stay as they are, and what they are. One is the same by its place, or by its inode."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str], str] = {}  # real directory and name
        self._by_inode: dict[tuple[int, int], str] = {}  # device and number
        self._directories: dict[str, str] = {}  # as it is named → real

    def add(self, path: str, what: str) -> None:
        """Take a file, which need not exist."""
        self._by_place.setdefault(self._place(path), what)
        if (inode := _inode(path)) is not None:
            self._by_inode.setdefault(inode, what)

    def find(self, path: str) -> str | None:
        """What a file is, if it must stay."""
        inode = _inode(path)
        return self._by_place.get(self._place(path)) or (self._by_inode.get(inode) if inode is not None else None)

    def written_by(self, jobs: dict[str, Job], settings: Settings) -> Iterator[tuple[Job, str, str]]:
        """The files that the output of jobs, given by name, would overwrite: the job, the file's name, what it is."""
        here = os.path.realpath(".")
        device = os.stat(here).st_dev
        found = {name: what for (directory, name), what in self._by_place.items() if directory == here}
        with os.scandir(here) as entries:  # a look at each output that there is would take long on a file server
            for entry in entries:
                inode = _inode(entry.path) if entry.is_symlink() else (device, entry.inode())
                if inode in self._by_inode:
                    found.setdefault(entry.name, self._by_inode[inode])
        for name, what in found.items():
            match = _OF_JOB.fullmatch(name)
            # Merged, only the output of earlier attempts is in files of its own.
            if match and match[1] in jobs and (settings.merge_logs is None or (match[2] or "")[1:].isdigit()):
                yield jobs[match[1]], name, what

    def _place(self, path: str) -> tuple[str, str]:
        directory, name = os.path.split(path)
        if directory not in self._directories:
            self._directories[directory] = os.path.realpath(directory or ".")
        return self._directories[directory], name


def _inode(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
