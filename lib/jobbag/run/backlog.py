"""The jobs that are still to be sent, and which of them can go now. Used by the main thread alone.

A job can go when its inputs are there, the jobs that it depends on have gone before, all of its array can go, and the
gate admits it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain

from jobbag.bag.job import Bag, Job
from jobbag.jobs.array_request import Shipment
from jobbag.run.dependencies import Order
from jobbag.run.inputs import Waiting
from jobbag.run.packing import Packer, Packing, shipments
from jobbag.run.safeguards import Gate


class Backlog:
    """The jobs of a bag that are not sent yet."""

    def __init__(self, bag: Bag, jobs: Sequence[Job], packing: Packing, gate: Gate) -> None:
        """`jobs` are those of the bag that are to be sent."""
        self._bag = bag
        self._packing = packing
        self._gate = gate
        self._waiting = Waiting(bag, jobs)
        self._order = Order(bag)
        self._packer = Packer(jobs[gate.canary :], packing)
        self._ready: deque[Shipment] = deque()

    @property
    def files(self) -> list[str]:
        """The files that jobs wait for, in the order in which the first of them needs them."""
        return self._waiting.items

    @property
    def is_empty(self) -> bool:
        """Whether no job is left to send."""
        return not (self._ready or self._waiting.items or self._order.holds)

    def begin(self) -> None:
        """The jobs that wait for no file can go."""
        self.have_inputs(self._waiting.ready)

    def arrived(self, item: str) -> None:
        """The file is in S3."""
        self.have_inputs(self._waiting.arrived(item))

    def never_arrives(self, item: str) -> list[Job]:
        """The file cannot be sent; the jobs that can never go, each named once."""
        jobs = self._waiting.failed(item)
        for job in jobs:
            self._ready += self._packer.gone(job)
        return jobs

    def have_inputs(self, jobs: Iterable[Job]) -> None:
        """These jobs have all their inputs."""
        self._free(job for job in jobs if self._order.arrived(job))

    def take_back(self, jobs: Iterable[Job]) -> None:
        """These jobs were not sent after all."""
        self._ready += shipments([job for job in jobs if self._order.arrived(job)], self._packing)

    def submitted(self, job: Job, aws_id: str) -> None:
        """AWS has the job: what depends on it can be sent."""
        self._free(self._order.submitted(job, aws_id))

    def succeeded(self, job: Job) -> None:
        """The job has succeeded: what AWS cannot wait for itself can be sent."""
        self._free(self._order.succeeded(job))

    def failed(self, job: Job) -> list[Job]:
        """The job has not succeeded; the jobs that depend on it, and can never go."""
        jobs = self._order.failed(job)
        for dependant in jobs:
            self._ready += self._packer.gone(dependant)
        return jobs

    def _free(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._ready += self._packer.ready(job)

    def take(self, most: int) -> list[Shipment]:
        """What is to be sent now: so many shipments at most, as far as the gate admits them."""
        taken: list[Shipment] = []
        count = 0
        for _ in range(len(self._ready)):
            if len(taken) == most or self._gate.admits(count + 1) <= count:
                break
            shipment = self._ready.popleft()
            if self._gate.admits(count + len(shipment)) < count + len(shipment):
                self._ready.append(shipment)  # a smaller one may do
            else:
                taken.append(shipment)
                count += len(shipment)
        return taken

    def depends_on(self, shipment: Shipment) -> list[str]:
        """The AWS ids on which the jobs of a shipment depend."""
        return self._order.targets(shipment[0])

    def shipped(self, jobs: Shipment) -> None:
        """These jobs go in one array."""
        self._order.shipped(jobs)

    def give_up(self) -> list[Job]:
        """The jobs that were still to be sent. None of them goes any more."""
        jobs = [*chain(*self._ready), *self._packer.give_up(), *self._waiting.give_up()]
        jobs += self._order.give_up(self._bag.jobs)
        self._ready.clear()
        return jobs
