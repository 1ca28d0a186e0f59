"""Which jobs wait for which others of the bag. Used by the main thread alone.

AWS Batch holds a job until the jobs that it depends on have succeeded; it takes 20 of them, by their ids. So a job is
sent once those are sent, and of more than 20 once enough have succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobbag.bag.job import Bag, Job
from jobbag.jobs.ids import parent_of

MOST = 20  # dependencies that SubmitJob takes


class Dependencies:
    """The jobs of a bag that depend on others of it, and how far those are."""

    def __init__(self, bag: Bag) -> None:
        by_name = {job.name: job.number for job in bag.jobs}
        self._needs = {job.number: {by_name[name] for name in job.depends_on} for job in bag.jobs if job.depends_on}
        self._left = {number: set(needs) for number, needs in self._needs.items()}  # those that have not succeeded
        self._dependants: dict[int, list[Job]] = {}
        for job in bag.jobs:
            for needed in self._needs.get(job.number, ()):
                self._dependants.setdefault(needed, []).append(job)
        self._ids: dict[int, str] = {}  # AWS ids of jobs that are sent
        self._packs: dict[int, frozenset[int]] = {}  # the jobs that went in one array, by each of them
        self._held: set[int] = set()  # jobs that have all but what they depend on
        self._given_up: set[int] = set()

    @property
    def holds(self) -> bool:
        """Whether a job waits here."""
        return bool(self._held)

    def arrived(self, job: Job) -> bool:
        """The job has its inputs; whether it can be sent now."""
        if job.number in self._given_up:
            return False
        if self._can_go(job):
            return True
        self._held.add(job.number)
        return False

    def shipped(self, jobs: Iterable[Job]) -> None:
        """These jobs go in one array."""
        pack = frozenset(job.number for job in jobs)
        self._packs |= dict.fromkeys(pack, pack)

    def submitted(self, job: Job, aws_id: str) -> list[Job]:
        """AWS has the job; the jobs that can be sent now."""
        self._ids[job.number] = aws_id
        return self._let_go(job)

    def succeeded(self, job: Job) -> list[Job]:
        """The job has succeeded; the jobs that can be sent now."""
        for dependant in self._dependants.get(job.number, ()):
            self._left[dependant.number].discard(job.number)
        return self._let_go(job)

    def failed(self, job: Job) -> list[Job]:
        """The job has not succeeded; the jobs that were not let go yet, and will never be."""
        lost = [one for one in self._dependants.get(job.number, ()) if self._waits(one)]
        self._given_up.update(one.number for one in lost)
        self._held.difference_update(self._given_up)
        return lost

    def give_up(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs that are held here. They wait no more."""
        held = [job for job in jobs if job.number in self._held]
        self._held.clear()
        return held

    def targets(self, job: Job) -> list[str]:
        """The AWS ids on which a job that can be sent depends."""
        return list(dict.fromkeys(target for target in self._targets(job) if target is not None))

    def _waits(self, job: Job) -> bool:
        return job.number not in self._given_up and (job.number in self._held or not self._can_go(job))

    def _let_go(self, job: Job) -> list[Job]:
        waiting = (one for one in self._dependants.get(job.number, ()) if one.number in self._held)
        free = [one for one in waiting if self._can_go(one)]
        self._held.difference_update(one.number for one in free)
        return free

    def _can_go(self, job: Job) -> bool:
        left = self._left.get(job.number, ())
        room = MOST - len(job.request.get("dependsOn", ()))
        if len(left) > room and not self._packs:
            return False
        targets = set(self._targets(job))
        return None not in targets and len(targets) <= room

    def _targets(self, job: Job) -> Iterator[str | None]:
        """What AWS is to wait for; None for what it cannot wait for, or not yet."""
        for needed in self._left.get(job.number, ()):
            aws_id = self._ids.get(needed)
            parent = parent_of(aws_id) if aws_id is not None else None
            if parent is None:
                yield aws_id
            else:  # AWS waits for all of an array
                whole = self._packs.get(needed, frozenset((0,))) <= self._needs[job.number]
                yield parent if whole else None
