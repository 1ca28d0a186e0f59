"""The jobs that are still to be sent, and which of them can go now. Used by the main thread alone.

A job can be sent when its inputs are in S3, the jobs that it depends on are sent, all other jobs of its array job can
be sent, and the safeguards allow it.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from jobbag.bag.job import Bag, Job, JobNumbers
from jobbag.jobs.array_request import JobGroup
from jobbag.jobs.ids import parent_of
from jobbag.run.dependencies import Dependencies
from jobbag.run.inputs import MissingInputs
from jobbag.run.packing import Packer, Packing, Suits, job_groups, own_arrays
from jobbag.run.safeguards import Safeguards

GATHERING = 10.0  # s in which jobs are gathered that one request may send; to submit 500 one by one takes as long


class Backlog:
    """The jobs of a bag that are not sent yet."""

    def __init__(
        self,
        bag: Bag,
        jobs: Sequence[Job],
        packing: Packing,
        safeguards: Safeguards,
        others: Iterable[Job] = (),
        can_be_packed: Suits = lambda _: True,
        as_sent: Callable[[Job], Job] = lambda job: job,
    ) -> None:
        """`jobs` are those of the bag that are to be sent; `others` may have to be, when more is known of them.

        `can_be_packed` says whether AWS Batch has arrays of such jobs; `as_sent` gives a job with what it asks for by
        now, which need not be what the bag says.
        """
        self._bag = bag
        self._packing = packing
        self._can_be_packed = can_be_packed
        self._safeguards = safeguards
        self._inputs = MissingInputs(bag, jobs, others)
        self._dependencies = Dependencies(bag)
        self._as_sent = as_sent
        self._packer = Packer(list(map(as_sent, jobs)), packing, can_be_packed, safeguards.canary)
        self._gathered: list[Job] = []  # jobs that are to be sent again
        self._due = math.inf  # time.monotonic() when they are
        self._ready: deque[JobGroup] = deque()
        self._taken = JobNumbers(len(bag.jobs))
        self._lost: set[int] = set()  # numbers of jobs that can never be sent, be they in `_ready`, or again

    @property
    def files(self) -> list[str]:
        """The files that jobs wait for, in the order in which the first of them needs them."""
        return self._inputs.items

    @property
    def is_empty(self) -> bool:
        """Whether no job is left to send."""
        is_ready = any(job.number not in self._lost for group in self._ready for job in group)
        return not (is_ready or self._gathered or self._inputs.items or self._dependencies.has_waiting)

    def begin(self) -> None:
        """Free the jobs that wait for no file."""
        self.have_inputs(self._inputs.ready)

    def arrived(self, item: str) -> None:
        """Note that the file is in S3."""
        self.have_inputs(self._inputs.arrived(item))

    def never_arrives(self, item: str) -> list[Job]:
        """Note that the file cannot be sent. Returns the jobs that can therefore never be sent, each once."""
        return self._lose(job for job in self._inputs.failed(item) if self._dependencies.drop(job))

    def have_inputs(self, jobs: Iterable[Job]) -> None:
        """Note that all inputs of these jobs are in S3."""
        self._free(job for job in jobs if self._dependencies.arrived(job))

    def take_back(self, jobs: Sequence[Job]) -> list[Job]:
        """Note that these jobs, which were sent or taken, are to be sent again, once their inputs are there: before
        those that were never sent, so that a canary is one again.

        Returns those that never can be.
        """
        self._taken.difference_update(job.number for job in jobs)
        self._packer.expect(own_arrays(jobs))
        with_inputs = [job for job in jobs if self._inputs.add(job)]
        able = [job for job in with_inputs if self._dependencies.arrived(job)]
        self._free(job for job in able if job.child is not None)
        alone = [job for job in able if job.child is None]
        groups = job_groups(list(map(self._as_sent, alone)), self._packing, self._can_be_packed)
        self._ready.extendleft(reversed(groups))
        return [job for job in jobs if job.number in self._lost]

    def gather(self, job: Job, aws_id: str) -> None:
        """Note that a job with this AWS id has failed and is to be sent again (`take_back`), soon; if it was a child of
        an array job, with others that follow."""
        self._dependencies.goes_again(job, aws_id)
        self._gathered.append(job)
        self._due = min(self._due, time.monotonic() + (GATHERING if parent_of(aws_id) is not None else 0.0))

    @property
    def pause(self) -> float | None:
        """The seconds until gathered jobs are due; None if there are none."""
        return max(self._due - time.monotonic(), 0.0) if self._gathered else None

    def gathered(self) -> list[Job]:
        """The jobs that were gathered. They are not any more."""
        jobs, self._gathered, self._due = self._gathered, [], math.inf
        return jobs

    def submitted(self, job: Job, aws_id: str) -> None:
        """Note that AWS has the job: those that depend on it can be sent."""
        self._free(self._dependencies.submitted(job, aws_id))

    def succeeded(self, job: Job) -> None:
        """Note that the job has succeeded: jobs with more dependencies than AWS takes may be sent now."""
        self._free(self._dependencies.succeeded(job))

    def failed(self, job: Job) -> list[Job]:
        """Note that the job has failed. Returns the jobs that can therefore never be sent, each once.

        Those that are taken are not among them: AWS may have them, and lets them fail.
        """
        return self._lose(self._dependencies.failed(job))

    def _lose(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs, if not taken, of which it was not known that they can never be sent, for any reason."""
        lost = [job for job in jobs if job.number not in self._lost]
        for job in lost:
            self._lost.add(job.number)
            self._ready += self._packer.drop(job)
        return [job for job in lost if job.number not in self._taken]

    def _free(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._ready += self._packer.ready(job)

    def take(self, most: int) -> list[JobGroup]:
        """The groups of jobs to send now, `most` at most, as far as the safeguards allow."""
        taken: list[JobGroup] = []
        count = 0
        while self._ready and len(taken) < most and self._safeguards.admits(count + 1) > count:
            group = tuple(self._as_sent(job) for job in self._ready.popleft() if job.number not in self._lost)
            if not group:
                continue
            if group[0].child is None and self._safeguards.admits(count + len(group)) < count + len(group):
                self._ready.appendleft(group[1:])  # there may be no other job that can be a canary
                group = group[:1]
            taken.append(group)
            count += len(group)
            self._taken.update(job.number for job in group)
        return taken

    def depends_on(self, group: JobGroup) -> list[str]:
        """The AWS ids of the jobs on which a group of jobs depends."""
        return self._dependencies.targets(group[0])

    def sent_as_array(self, jobs: JobGroup) -> None:
        """Note that these jobs are sent as one array job."""
        self._dependencies.sent_as_array(jobs)

    def give_up(self) -> list[Job]:
        """Empty the backlog. Returns the jobs that were in it, none of which is to be sent any more."""
        jobs = [*self.gathered(), *chain(*self._ready), *self._packer.give_up(), *self._inputs.give_up()]
        jobs += self._dependencies.give_up(self._bag.jobs)
        self._ready.clear()
        return [job for job in jobs if job.number not in self._lost]
