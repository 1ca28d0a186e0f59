"""Which jobs wait for which others of the bag. Used by the main thread alone.

AWS Batch starts a job when those that it depends on have succeeded; it takes 20 of them, by their ids. So a job is
sent as soon as those are sent; one with more than 20, when so many of them have succeeded that 20 are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobbag.bag.job import Bag, Job
from jobbag.jobs.ids import parent_of

MOST = 20  # dependencies that SubmitJob takes


class Dependencies:
    """Which jobs of a bag depend on which others, and whether these are sent or have succeeded."""

    def __init__(self, bag: Bag) -> None:
        by_name = {job.name: job.number for job in bag.jobs}
        self._needs = {job.number: {by_name[name] for name in job.depends_on} for job in bag.jobs if job.depends_on}
        self._left = {number: set(needs) for number, needs in self._needs.items()}  # those that have not succeeded
        self._dependants: dict[int, list[Job]] = {}
        for job in bag.jobs:
            for needed in self._needs.get(job.number, ()):
                self._dependants.setdefault(needed, []).append(job)
        self._ids: dict[int, str] = {}  # AWS ids of jobs that are sent
        self._packs: dict[int, frozenset[int]] = {}  # by job: all jobs of its array job
        self._waiting: set[int] = set()  # jobs that have their inputs, and cannot be sent yet
        self._given_up: set[int] = set()

    @property
    def has_waiting(self) -> bool:
        """Whether a job that has its inputs waits for others."""
        return bool(self._waiting)

    def arrived(self, job: Job) -> bool:
        """Note that the job has its inputs. Returns whether it can be sent now."""
        if job.number in self._given_up:
            return False
        if self._can_go(job):
            return True
        self._waiting.add(job.number)
        return False

    def sent_as_array(self, jobs: Iterable[Job]) -> None:
        """Note that these jobs are sent as one array job."""
        pack = frozenset(job.number for job in jobs)
        self._packs |= dict.fromkeys(pack, pack)

    def submitted(self, job: Job, aws_id: str) -> list[Job]:
        """Note that AWS has the job. Returns the jobs that can be sent now."""
        self._ids[job.number] = aws_id
        return self._freed(job)

    def succeeded(self, job: Job) -> list[Job]:
        """Note that the job has succeeded. Returns the jobs that can be sent now."""
        for dependant in self._dependants.get(job.number, ()):
            self._left[dependant.number].discard(job.number)
        return self._freed(job)

    def failed(self, job: Job) -> list[Job]:
        """Note that the job has failed. Returns the jobs that depend on it, are not sent, and never will be."""
        lost = [one for one in self._dependants.get(job.number, ()) if self._waits(one)]
        self._given_up.update(one.number for one in lost)
        self._waiting.difference_update(self._given_up)
        return lost

    def give_up(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs that wait here for others. They do not any more."""
        waiting = [job for job in jobs if job.number in self._waiting]
        self._waiting.clear()
        return waiting

    def targets(self, job: Job) -> list[str]:
        """The AWS ids on which a job that can be sent depends."""
        return list(dict.fromkeys(target for target in self._targets(job) if target is not None))

    def _waits(self, job: Job) -> bool:
        return job.number not in self._given_up and (job.number in self._waiting or not self._can_go(job))

    def _freed(self, job: Job) -> list[Job]:
        waiting = (one for one in self._dependants.get(job.number, ()) if one.number in self._waiting)
        free = [one for one in waiting if self._can_go(one)]
        self._waiting.difference_update(one.number for one in free)
        return free

    def _can_go(self, job: Job) -> bool:
        left = self._left.get(job.number, ())
        room = MOST - len(job.request.get("dependsOn", ()))
        if len(left) > room and not self._packs:
            return False
        targets = set(self._targets(job))
        return None not in targets and len(targets) <= room

    def _targets(self, job: Job) -> Iterator[str | None]:
        """The AWS ids of what AWS is to wait for; None for a job that AWS cannot wait for, or not yet."""
        for needed in self._left.get(job.number, ()):
            aws_id = self._ids.get(needed)
            parent = parent_of(aws_id) if aws_id is not None else None
            if parent is None:
                yield aws_id
            else:  # AWS can wait only for a whole array job
                whole = self._packs.get(needed, frozenset((0,))) <= self._needs[job.number]
                yield parent if whole else None
