"""Pure: which jobs are sent together as one array job."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum

from jobbag.bag.job import FILE_TYPE, Job
from jobbag.batches import batches
from jobbag.jobs.array_request import JobGroup, runs_scripts

MOST = 10_000  # children of an array job
FEWEST = 2
PAYS_FROM = 500  # jobs; to submit these one by one takes ten seconds
WITH_INPUTS = 1000  # children, at most, where jobs wait for input files: so the first ones start sooner

Suits = Callable[[Job], bool]


class Packing(Enum):
    """Whether jobs are packed into array jobs (`--array`)."""

    AUTO = "auto"  # where it pays and the image can run the launcher, as far as is known
    NEVER = "never"
    ALWAYS = "always"


def packs(
    jobs: Sequence[Job], packing: Packing, can_be_packed: Suits = lambda _: True, canary: int = 0
) -> list[JobGroup]:
    """The jobs of each array job, in the order of the bag; jobs that are sent alone are in none.

    `can_be_packed` says whether AWS Batch has arrays of such jobs. The first `canary` jobs are not packed. Arrays of
    the user's own are sent as they are.
    """
    return [*own_arrays(jobs), *_packed(filter(can_be_packed, jobs[canary:]), packing)]


def own_arrays(jobs: Iterable[Job]) -> Iterator[JobGroup]:
    """The arrays of the user's own among jobs that are to be sent. AWS Batch starts all children of one, or none."""
    arrays: dict[str, list[Job]] = {}
    for job in jobs:
        if job.child is not None:
            arrays.setdefault(job.child.array, []).append(job)
    return map(tuple, arrays.values())


def _packed(jobs: Iterable[Job], packing: Packing) -> list[JobGroup]:
    if packing is Packing.NEVER:
        return []
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        if _can_be_child(job) and (packing is Packing.ALWAYS or _has_what_it_needs(job)):
            alike = json.dumps(
                [runs_scripts(job), job.launcher, dict(job.request), sorted(job.depends_on)], sort_keys=True
            )
            groups.setdefault(alike, []).append(job)
    fewest = PAYS_FROM if packing is Packing.AUTO else FEWEST
    found: list[JobGroup] = []
    for group in groups.values():
        if len(group) >= fewest:
            size = WITH_INPUTS if any(job.has_local_inputs for job in group) else MOST
            found += (tuple(pack) for pack in batches(group, size) if len(pack) >= FEWEST)
    return found


def _can_be_child(job: Job) -> bool:
    """Whether nothing would differ for the job: for AWS Batch, it is an index of an array, and has no command."""
    if job.child is not None or job.takes_parameters:
        return False
    if any("type" in one for one in job.request.get("dependsOn", ())):  # it says what each child waits for
        return False
    if "=" in job.executable or job.executable.startswith("-"):  # no command for env, or exec
        return False
    return FILE_TYPE not in job.environment or runs_scripts(job)


def _has_what_it_needs(job: Job) -> bool:
    """Whether the launcher can run in the job's image, as far as is known without a look into it."""
    return job.launcher or runs_scripts(job)


def job_groups(
    jobs: Sequence[Job], packing: Packing, can_be_packed: Suits = lambda _: True, canary: int = 0
) -> list[JobGroup]:
    """Jobs that can all be sent, in the groups in which they are."""
    packer = Packer(jobs, packing, can_be_packed, canary)
    return [group for job in jobs for group in packer.ready(job)]


class Packer:
    """Gathers jobs that can be sent until all of an array job can. Used by the main thread alone."""

    def __init__(
        self, jobs: Sequence[Job], packing: Packing, can_be_packed: Suits = lambda _: True, canary: int = 0
    ) -> None:
        self.packs = packs(jobs, packing, can_be_packed, canary)
        self._pack_of = {job.number: number for number, pack in enumerate(self.packs) for job in pack}
        self._left = dict(enumerate(map(len, self.packs)))  # jobs of a pack that are not ready yet
        self._ready: dict[int, Job] = {}  # jobs that can be sent, unlike others of their pack

    def expect(self, arrays: Iterable[JobGroup]) -> None:
        """Gather the children of arrays that were sent, or taken, once more."""
        for array in arrays:
            number = len(self.packs)
            self.packs.append(array)
            self._left[number] = len(array)
            self._pack_of |= {job.number: number for job in array}

    def ready(self, job: Job) -> list[JobGroup]:
        """Note that the job can be sent. Returns what to send now: it alone, or its array job if that is whole."""
        if job.number not in self._pack_of:
            return [(job,)]
        self._ready[job.number] = job
        return self._count_down(job)

    def give_up(self) -> list[Job]:
        """The jobs that wait for others of their array job. They do not any more."""
        waiting = list(self._ready.values())
        self._ready.clear()
        return waiting

    def drop(self, job: Job) -> list[JobGroup]:
        """Note that the job will never be sent. Returns its array job, if that has waited only for this job."""
        return self._count_down(job) if job.number in self._pack_of else []

    def _count_down(self, job: Job) -> list[JobGroup]:
        number = self._pack_of.pop(job.number)
        if not self._pack_of:
            self._pack_of = {}  # whose table is small again
        self._left[number] -= 1
        if self._left[number]:
            return []
        found = tuple(one for one in self.packs[number] if self._ready.pop(one.number, None))
        return [found] if found else []
