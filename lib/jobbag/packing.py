"""Pure: which jobs are sent together as one array job, and what AWS Batch and the launcher are given for it.

SubmitJob takes 50 jobs a second, and an array job of 10,000 children counts as one. The children of an array share
one request, so what differs between them stands in a manifest in S3: a record for each child, of which the launcher
reads its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from typing import Any

from jobbag import launcher
from jobbag.bag import FILE_TYPE, Bag, Job, is_url
from jobbag.jobrequest import MAX_OVERRIDES, TOKEN_VARIABLE, Target, environment_of, overrides_size, submit_request
from jobbag.specs import S3Place

Shipment = tuple[Job, ...]  # jobs of one SubmitJob request

MOST = 10_000  # children of an array job
FEWEST = 2
PAYS_FROM = 500  # jobs that one by one take ten seconds to submit
WITH_INPUTS = 1000  # jobs of one array when each waits for files of its own: the first ones start sooner
SCRIPT_URL = "BATCH_FILE_S3_URL"  # of the fetch-and-run protocol
LAUNCHER_NAME = "pegasus-aws-batch"  # in its messages
ROOM = 2048  # characters of an override that are left for the words and variables of the launcher


class Packing(Enum):
    """Whether jobs are packed into array jobs (`--array`)."""

    AUTO = "auto"  # where it pays and the image can run the launcher, as far as is known
    NEVER = "never"
    ALWAYS = "always"


def packs(jobs: Iterable[Job], packing: Packing) -> list[Shipment]:
    """The jobs that go as arrays, in the order of the bag; those that go alone are in none."""
    if packing is Packing.NEVER:
        return []
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        if _can_be_child(job) and (packing is Packing.ALWAYS or _has_what_it_needs(job)):
            alike = json.dumps(
                [_runs_scripts(job), job.launcher, dict(job.request), sorted(job.depends_on)], sort_keys=True
            )
            groups.setdefault(alike, []).append(job)
    fewest = PAYS_FROM if packing is Packing.AUTO else FEWEST
    found: list[Shipment] = []
    for group in groups.values():
        if len(group) >= fewest:
            iterator = iter(group)
            size = WITH_INPUTS if any(not is_url(item) for job in group for item in job.inputs) else MOST
            while pack := tuple(islice(iterator, size)):
                if len(pack) >= FEWEST:
                    found.append(pack)
    return found


def _can_be_child(job: Job) -> bool:
    if "arrayProperties" in job.request or "=" in job.executable:  # env would take the word for a variable
        return False
    return FILE_TYPE not in job.environment or _runs_scripts(job)


def _has_what_it_needs(job: Job) -> bool:
    """Whether the launcher can run in the job's image, as far as is known without a look into it."""
    return job.launcher or _runs_scripts(job)


def _runs_scripts(job: Job) -> bool:
    """Whether the job's image follows the fetch-and-run protocol."""
    return job.environment.get(FILE_TYPE) == "script" and SCRIPT_URL in job.environment


def shipments(jobs: Iterable[Job], packing: Packing) -> list[Shipment]:
    """The jobs, all of which are ready, as they are to be sent."""
    packer = Packer(jobs := list(jobs), packing)
    return [shipment for job in jobs for shipment in packer.ready(job)]


class Packer:
    """Gathers jobs into shipments, as they become ready. Used by the main thread alone."""

    def __init__(self, jobs: Iterable[Job], packing: Packing) -> None:
        self.packs = packs(jobs, packing)
        self._pack_of = {job.number: number for number, pack in enumerate(self.packs) for job in pack}
        self._left = dict(enumerate(map(len, self.packs)))  # jobs of a pack that are not ready yet
        self._held: dict[int, Job] = {}  # jobs that are ready, but not all of their pack

    def ready(self, job: Job) -> list[Shipment]:
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

    def gone(self, job: Job) -> list[Shipment]:
        """What can be sent now that this job never can."""
        return self._count_down(job) if job.number in self._pack_of else []

    def _count_down(self, job: Job) -> list[Shipment]:
        number = self._pack_of.pop(job.number)
        self._left[number] -= 1
        if self._left[number]:
            return []
        found = tuple(one for one in self.packs[number] if self._held.pop(one.number, None))
        return [found] if found else []


@dataclass(frozen=True)
class Sendable:
    """A SubmitJob request, and the objects (content by key) that must be in the bucket before it."""

    request: Mapping[str, Any]
    bucket: str = ""
    objects: Mapping[str, bytes] = field(default_factory=dict)
    indexes: Sequence[int] = ()  # of the jobs in the array job, if it is one

    @property
    def is_array(self) -> bool:
        return bool(self.indexes)

    def ids(self, jobs: Shipment, aws_id: str) -> Iterator[tuple[Job, str]]:
        """The AWS id of each of the jobs, when the request gave this one."""
        if not self.is_array:
            yield jobs[0], aws_id
        for job, index in zip(jobs, self.indexes, strict=False):
            yield job, f"{aws_id}:{index}"


@dataclass(frozen=True)
class Requests:
    """How jobs are put to AWS Batch."""

    bag: Bag
    place: S3Place
    target: Target
    region: str  # of the bucket

    def of(self, jobs: Shipment, token: str, after: Sequence[str] = ()) -> Sendable:
        """The request of a job, or of an array of jobs, that carries the token.

        `after`: AWS ids of the jobs of the bag that must succeed before.
        """
        request = submit_request(jobs[0], self.bag, self.place, self.target, token)
        if after:
            request["dependsOn"] = [*request.get("dependsOn", ()), *({"jobId": aws_id} for aws_id in after)]
        if len(jobs) > 1:
            return self._array(jobs, token, request)
        return self._launched(jobs[0], token, request) if jobs[0].launcher else Sendable(request)

    def sought(self, children: Mapping[int | None, Job], token: str) -> Sendable:
        """A request that an earlier start may have sent with the token (`by_token`), to be looked for."""
        if None in children:
            return self.of((children[None],), token)
        variable = {"name": TOKEN_VARIABLE, "value": token}
        queue = next(iter(children.values())).request.get("jobQueue", self.target.queue)
        request = {
            "jobName": shipment_name(token),
            "jobQueue": queue,
            "containerOverrides": {"environment": [variable]},
        }
        return Sendable(request, indexes=[index for index in children if index is not None])

    def _array(self, jobs: Shipment, token: str, request: Mapping[str, Any]) -> Sendable:
        name = shipment_name(token)
        request = {**request, "jobName": name, "arrayProperties": {"size": len(jobs)}}
        return replace(self._with_manifest(jobs, token, request), indexes=range(len(jobs)))

    def _launched(self, job: Job, token: str, request: Mapping[str, Any]) -> Sendable:
        """A job by itself that the launcher starts: it reads a manifest only if it must."""
        overrides = request["containerOverrides"]
        own = {launcher.LAUNCHER_VARIABLE: "1", launcher.REGION_VARIABLE: self.region}
        direct = {
            **overrides,
            "command": launcher.command(overrides["command"], LAUNCHER_NAME),
            "environment": [*overrides["environment"], *_listed(own)],
        }
        all_pass = all(launcher.passes(one["name"]) for one in overrides["environment"])
        sendable = {**request, "containerOverrides": direct}
        if _runs_scripts(job) or not all_pass or overrides_size(sendable) > MAX_OVERRIDES:
            return self._with_manifest((job,), token, request)
        return Sendable(sendable)

    def _with_manifest(self, jobs: Shipment, token: str, request: Mapping[str, Any]) -> Sendable:
        """The request in which the launcher finds the commands of the jobs, which are alike in all else."""
        variables = [environment_of(job, self.bag, self.place) for job in jobs]
        common = _common(variables)
        manifest, size = launcher.manifest(
            [
                launcher.record([job.executable, *job.arguments], _without(own, common))
                for job, own in zip(jobs, variables, strict=True)
            ]
        )
        name = shipment_name(token)
        objects = {self.place.key(f"{name}.manifest"): manifest}
        own = {
            TOKEN_VARIABLE: token,
            launcher.MANIFEST_VARIABLE: f"{self.place.url}{name}.manifest",
            launcher.RECORD_VARIABLE: str(size),
            launcher.REGION_VARIABLE: self.region,
        }
        if jobs[0].launcher:
            own[launcher.LAUNCHER_VARIABLE] = "1"
        command = launcher.command((), LAUNCHER_NAME)
        if _runs_scripts(jobs[0]):
            objects[self.place.key(f"{name}.sh")] = launcher.text().encode()
            own |= {FILE_TYPE: "script", SCRIPT_URL: f"{self.place.url}{name}.sh"}
            command = [LAUNCHER_NAME]
        overrides = {
            **request["containerOverrides"],
            "command": command,
            "environment": _listed({**common, **own}),
        }
        return Sendable({**request, "containerOverrides": overrides}, self.place.bucket, objects)


def child_token(token: str, index: int) -> str:
    """What a child of the array job with this token is known by."""
    return f"{token}:{index}"


def parent_token(token: str) -> tuple[str, int | None]:
    """The token that a request carried, and the index of a child in its array job."""
    parent, colon, index = token.partition(":")
    return parent, int(index) if colon else None


def by_token(jobs: Iterable[tuple[Job, str]]) -> dict[str, dict[int | None, Job]]:
    """Jobs and what they are known by → the jobs of each request, by its token; those of an array by their index."""
    found: dict[str, dict[int | None, Job]] = {}
    for job, known_by in jobs:
        token, index = parent_token(known_by)
        found.setdefault(token, {})[index] = job
    return found


def shipment_name(token: str) -> str:
    """The name of the array job that carries the token, and of what is put into the bucket for a request."""
    return f"pegasus-aws-batch-{token.replace('.', '-')}"


def _common(variables: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The variables that all children share, as far as there is room for them in the request.

    Not those that a shell may drop, as it does with names that it cannot use itself.
    """
    room = MAX_OVERRIDES - ROOM - len(json.dumps(launcher.text()))
    found = {}
    for name, value in variables[0].items():
        size = len(json.dumps({"name": name, "value": value}, ensure_ascii=False)) + 1
        shared = launcher.passes(name) and all(one.get(name) == value for one in variables)
        if shared and name not in (FILE_TYPE, SCRIPT_URL) and size <= room:
            found[name] = value
            room -= size
    return found


def _listed(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _without(variables: Mapping[str, str], common: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in common}
