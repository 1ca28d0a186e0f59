"""Pure: which jobs are sent together as one array job."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum

from jobbag.bag.job import FILE_TYPE, Job, is_url
from jobbag.batches import batches
from jobbag.jobs.array_request import JobGroup, runs_scripts

MOST = 10_000  # children of an array job
FEWEST = 2
PAYS_FROM = 500  # jobs that one by one take ten seconds to submit
WITH_INPUTS = 1000  # jobs of one array when each waits for files of its own: the first ones start sooner


class Packing(Enum):
    """Whether jobs are packed into array jobs (`--array`)."""

    AUTO = "auto"  # where it pays and the image can run the launcher, as far as is known
    NEVER = "never"
    ALWAYS = "always"


def packs(jobs: Iterable[Job], packing: Packing) -> list[JobGroup]:
    """The jobs that go as arrays, in the order of the bag; those that go alone are in none."""
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
            size = WITH_INPUTS if any(not is_url(item) for job in group for item in job.inputs) else MOST
            found += (tuple(pack) for pack in batches(group, size) if len(pack) >= FEWEST)
    return found


def _can_be_child(job: Job) -> bool:
    if "arrayProperties" in job.request or "=" in job.executable:  # env would take the word for a variable
        return False
    return FILE_TYPE not in job.environment or runs_scripts(job)


def _has_what_it_needs(job: Job) -> bool:
    """Whether the launcher can run in the job's image, as far as is known without a look into it."""
    return job.launcher or runs_scripts(job)


def job_groups(jobs: Iterable[Job], packing: Packing) -> list[JobGroup]:
    """The jobs, all of which are ready, as they are to be sent."""
    packer = Packer(jobs := list(jobs), packing)
    return [group for job in jobs for group in packer.ready(job)]


class Packer:
    """Gathers jobs into shipments, as they become ready. Used by the main thread alone."""

    def __init__(self, jobs: Iterable[Job], packing: Packing) -> None:
        self.packs = packs(jobs, packing)
        self._pack_of = {job.number: number for number, pack in enumerate(self.packs) for job in pack}
        self._left = dict(enumerate(map(len, self.packs)))  # jobs of a pack that are not ready yet
        self._held: dict[int, Job] = {}  # jobs that are ready, but not all of their pack

    def ready(self, job: Job) -> list[JobGroup]:
        """What can be sent now that this job can."""
        if job.number not in self._pack_of:
            return [(job,)]
        self._held[job.number] = job
        return self._count_down(job)

    def give_up(self) -> list[Job]:
        """The jobs that wait for others of their pack. They wait no more."""
        held = list(self._held.values())
        self._held.clear()
        return held

    def gone(self, job: Job) -> list[JobGroup]:
        """What can be sent now that this job never can."""
        return self._count_down(job) if job.number in self._pack_of else []

    def _count_down(self, job: Job) -> list[JobGroup]:
        number = self._pack_of.pop(job.number)
        self._left[number] -= 1
        if self._left[number]:
            return []
        found = tuple(one for one in self.packs[number] if self._held.pop(one.number, None))
        return [found] if found else []
