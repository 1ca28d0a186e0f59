"""Which jobs wait for which others of the bag. Used by the main thread alone.

AWS Batch starts a job when those that it depends on have succeeded; it takes 20 of them, by their ids. So a job is
sent as soon as those are sent; one with more than 20, when so many of them have succeeded that 20 are left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobbag.bag.job import Bag, Job
from jobbag.jobs.ids import parent_of

MOST = 20  # dependencies that SubmitJob takes


@dataclass(slots=True)
class _Needs:
    """What a job still waits for."""

    room: int  # AWS ids that its request can still take
    left: dict[int, str | None]  # by number of a job that has not succeeded: the AWS id to wait for; None: none yet
    unsent: int  # how many of those are None
    targets: Counter[str]  # how many of those have each AWS id

    @classmethod
    def of(cls, job: Job, numbers: Iterable[int]) -> _Needs:
        left: dict[int, str | None] = dict.fromkeys(numbers)
        return cls(MOST - len(job.request.get("dependsOn", ())), left, len(left), Counter())

    @property
    def are_met(self) -> bool:
        """Whether AWS can wait for all that is left."""
        return not self.unsent and len(self.targets) <= self.room

    def forget(self, number: int) -> None:
        """Wait for this job no more."""
        if number in self.left:
            self._drop(self.left.pop(number))

    def replace(self, number: int, target: str | None) -> None:
        """AWS can wait for this job by another id; None: not any more."""
        if number in self.left:
            self._drop(self.left[number])
            self.left[number] = target
            if target is None:
                self.unsent += 1
            else:
                self.targets[target] += 1

    def _drop(self, target: str | None) -> None:
        if target is None:
            self.unsent -= 1
            return
        self.targets[target] -= 1
        if not self.targets[target]:
            del self.targets[target]


class Dependencies:
    """Which jobs of a bag depend on which others, and whether these are sent or have succeeded.

    What is noted of a job costs as much time as others depend on it, so all of a bag as much as it has dependencies.
    The children of an array of the user's own have the same ones, which are kept for the first of them.
    """

    def __init__(self, bag: Bag) -> None:
        self._bag = bag
        first = [job for job in bag.jobs if job.depends_on and (job.child is None or job.child.index == 0)]
        self._needs = {
            job.number: _Needs.of(job, (one.number for name in job.depends_on for one in bag.named(name)))
            for job in first
        }
        self._dependants: dict[int, list[Job]] = {}
        for job in first:
            for needed in self._needs[job.number].left:
                self._dependants.setdefault(needed, []).append(job)
        self._need_all: dict[int, frozenset[int]] = {}  # by job: what depends on all jobs of its array job, by number
        self._waiting: set[int] = set()  # jobs that have their inputs, and cannot be sent yet
        self._given_up: set[int] = set()  # jobs that AWS would not start any more

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

    def sent_as_array(self, jobs: Sequence[Job]) -> None:
        """Note that these jobs are sent as one array job."""
        needed = Counter(one.number for job in jobs for one in self._dependants.get(job.number, ()))
        need_all = frozenset(number for number, count in needed.items() if count == len(jobs))
        for job in jobs:
            self._need_all.pop(job.number, None)
        if need_all:  # else a hundred thousand may be noted for nothing
            self._need_all |= dict.fromkeys((job.number for job in jobs), need_all)

    def submitted(self, job: Job, aws_id: str) -> list[Job]:
        """Note that AWS has the job. Returns the jobs that can be sent now."""
        parent = parent_of(aws_id)
        need_all = self._need_all.get(job.number, frozenset())
        for one in self._dependants.get(job.number, ()):
            # AWS can wait only for a whole array job
            target = aws_id if parent is None else parent if one.number in need_all else None
            self._needs[one.number].replace(job.number, target)
        return self._freed(job)

    def goes_again(self, job: Job, aws_id: str) -> None:
        """Note that the job with this AWS id has failed and is sent again. If it was a child, its array job has failed
        for AWS, which cannot wait for the others by that."""
        parent = parent_of(aws_id)
        for one in self._dependants.get(job.number, ()) if parent is not None else ():
            needs = self._needs[one.number]
            if parent in needs.targets:
                for number in [number for number, target in needs.left.items() if target == parent]:
                    needs.replace(number, None)

    def succeeded(self, job: Job) -> list[Job]:
        """Note that the job has succeeded. Returns the jobs that can be sent now."""
        for one in self._dependants.get(job.number, ()):
            self._needs[one.number].forget(job.number)
        return self._freed(job)

    def failed(self, job: Job) -> list[Job]:
        """Note that the job has failed. Returns the jobs that depend on it, sent or not, each once."""
        lost = [
            one
            for first in self._dependants.get(job.number, ())
            if first.number not in self._given_up
            for one in self._bag.siblings(first)
            if one.number not in self._given_up
        ]
        numbers = {one.number for one in lost}
        self._given_up |= numbers
        self._waiting -= numbers
        return lost

    def drop(self, job: Job) -> bool:
        """Note that the job will never be sent, whatever it depends on. Returns whether that is new."""
        is_new = job.number not in self._given_up
        self._given_up.add(job.number)
        return is_new

    def give_up(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs that wait here for others. They do not any more."""
        waiting = [job for job in jobs if job.number in self._waiting]
        self._waiting.clear()
        return waiting

    def targets(self, job: Job) -> list[str]:
        """The AWS ids on which a job that can be sent depends."""
        needs = self._needs_of(job)
        return list(needs.targets) if needs else []

    def _freed(self, job: Job) -> list[Job]:
        able = [
            one for one in self._dependants.get(job.number, ()) if one.number in self._waiting and self._can_go(one)
        ]
        free = [one for first in able for one in self._bag.siblings(first) if one.number in self._waiting]
        self._waiting.difference_update(one.number for one in free)
        return free

    def _can_go(self, job: Job) -> bool:
        needs = self._needs_of(job)
        return needs is None or needs.are_met

    def _needs_of(self, job: Job) -> _Needs | None:
        return self._needs.get(job.number - (job.child.index if job.child else 0))
