"""Which jobs still wait for which input files to be in S3; and where results of jobs that are kept come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import chain, islice
from pathlib import Path

from jobbag.bag.directory import content_of
from jobbag.bag.job import Bag, Item, Job
from jobbag.events.results import KnownResults
from jobbag.files import named
from jobbag.s3.place import RESULTS, S3Place, results_of


class MissingInputs:
    """The local files that jobs need, and that are not in S3 yet. Used by the main thread alone."""

    def __init__(self, bag: Bag, jobs: Iterable[Job], others: Iterable[Job] = ()) -> None:
        """`jobs` are those of the bag that are still to be sent; `others` may have to be, and then are added."""
        self._jobs: dict[str, list[Job]] = {}  # by file
        self._missing: dict[int, int] = {}  # files that a job still waits for, by job number
        self.ready: list[Job] = []  # jobs that need no local file
        self._bag = bag
        for job in jobs:
            items = self._items(job)
            for item in items:
                self._jobs.setdefault(item, []).append(job)
            if items:
                self._missing[job.number] = len(items)
            else:
                self.ready.append(job)
        for job in others:
            for item in self._items(job):
                self._jobs.setdefault(item, [])

    def _items(self, job: Job) -> list[str]:
        return self._bag.needs(job)

    def add(self, job: Job) -> bool:
        """Note that one of the others is to be sent. Returns whether it has all its inputs."""
        items = [item for item in self._items(job) if item in self._jobs]
        if items:
            self._missing[job.number] = len(items)
        for item in items:
            self._jobs[item].append(job)
        return not items

    @property
    def items(self) -> list[str]:
        """The files that jobs wait for, in the order in which the first of them needs them."""
        return list(self._jobs)

    def arrived(self, item: str) -> list[Job]:
        """Note that the file is in S3. Returns the jobs that now have all their inputs."""
        ready = []
        for job in self._jobs.pop(item, ()):
            if job.number in self._missing:
                self._missing[job.number] -= 1
                if self._missing[job.number] == 0:
                    ready.append(job)
        return ready

    def failed(self, item: str) -> list[Job]:
        """Note that the file cannot be sent. Returns the jobs that therefore can never run, each once."""
        return [job for job in self._jobs.pop(item, ()) if self._missing.pop(job.number, None) is not None]

    def give_up(self) -> list[Job]:
        """The jobs that wait for a file. They do not any more."""
        waiting = {job.number: job for jobs in self._jobs.values() for job in jobs if job.number in self._missing}
        self._jobs.clear()
        return list(waiting.values())


def with_kept_results(bag: Bag, known: KnownResults, place: S3Place) -> Bag:
    """The bag, in which jobs take the results of an earlier run from where these are here, whatever its directory was.

    Its own bucket, or its keys there, are not those of this run.
    """
    if not place.own or not any(item.of_job for job in bag.jobs for item in job.items):
        return bag
    below = place.key(RESULTS)
    of_this_run = {key[len(below) :].partition("/")[0] for key in known.etags if key.startswith(below)}

    @cache
    def files_of(name: str) -> dict[str, Path]:
        """The files of a job by their paths below its results."""
        files = (one for job in bag.named(name) for one in known.files.get(job.number, {}).values())
        return {one.key.partition(results_of(name))[2]: one.path for one in files}

    @cache
    def placed(item: Item) -> tuple[Item, ...]:
        if item.of_job is None or item.of_job[0] in of_this_run:
            return (item,)
        name, path = item.of_job
        files, inside = files_of(name), f"{path.rstrip('/')}/"
        if path in files:
            return (replace(item, source=str(files[path])),)
        found = {file[len(inside) :]: there for file, there in files.items() if file.startswith(inside)}
        directory = _directory_of(found)
        if directory is not None:
            return (replace(item, source=str(directory)),)
        return tuple(Item(str(there), f"{item.target}/{file}") for file, there in found.items()) or (item,)

    def with_placed(job: Job) -> Job:
        return replace(job, items=tuple(chain.from_iterable(map(placed, job.items)))) if job.items else job

    return replace(bag, jobs=tuple(map(with_placed, bag.jobs)))


def _directory_of(files: Mapping[str, Path]) -> Path | None:
    """The directory in which are these files, by their paths below it, and nothing else; None if there is none."""
    for name, path in islice(files.items(), 1):
        directory = path.parents[name.count("/")]
        with suppress(OSError):
            content = content_of(str(directory))
            same = {file.name: directory / named(file.name) for file in content.files} == files
            return directory if same and not content.empty else None
    return None
