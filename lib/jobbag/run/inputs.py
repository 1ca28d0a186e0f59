"""Which jobs still wait for which input files."""

from __future__ import annotations

from collections.abc import Iterable

from jobbag.bag.job import Bag, Job, is_url


class MissingInputs:
    """Which jobs still wait for which files. Used by the main thread alone."""

    def __init__(self, bag: Bag, jobs: Iterable[Job]) -> None:
        """`jobs` are those of the bag that are still to be sent."""
        self._jobs: dict[str, list[Job]] = {}  # by file
        self._missing: dict[int, int] = {}  # files that a job still waits for, by job number
        self.ready: list[Job] = []  # wait for nothing
        common = [item for item in bag.common if not is_url(item)]
        for job in jobs:
            items = dict.fromkeys([*common, *(item for item in job.inputs if not is_url(item))])
            self._missing[job.number] = len(items)
            for item in items:
                self._jobs.setdefault(item, []).append(job)
            if not items:
                self.ready.append(job)

    @property
    def items(self) -> list[str]:
        """The files that jobs wait for, in the order in which the first of them needs them."""
        return list(self._jobs)

    def arrived(self, item: str) -> list[Job]:
        """The jobs that have all their inputs, now that this file is in S3."""
        ready = []
        for job in self._jobs.pop(item, ()):
            if job.number in self._missing:
                self._missing[job.number] -= 1
                if self._missing[job.number] == 0:
                    ready.append(job)
        return ready

    def failed(self, item: str) -> list[Job]:
        """The jobs that can never run, now that this file cannot be sent; each is named once."""
        return [job for job in self._jobs.pop(item, ()) if self._missing.pop(job.number, None) is not None]

    def give_up(self) -> list[Job]:
        """The jobs that wait for a file. They wait no more."""
        waiting = {job.number: job for jobs in self._jobs.values() for job in jobs if job.number in self._missing}
        self._jobs.clear()
        return list(waiting.values())
