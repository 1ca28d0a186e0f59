"""Pure: the SubmitJob requests of array jobs and of jobs with the launcher, and the manifests that go with them.

SubmitJob takes 50 jobs a second, and an array job of 10,000 children counts as one. The children of an array share
one request, so what differs between them stands in a manifest in S3: a record for each child, of which the launcher
reads its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from jobbag.bag.job import FILE_TYPE, Bag, Job
from jobbag.entities.containers import Form, form_of
from jobbag.entities.names import MAX_NAME
from jobbag.errors import PROG, Problem
from jobbag.jobs import launcher
from jobbag.jobs.ids import request_name
from jobbag.jobs.overrides import placed
from jobbag.jobs.request import (
    MAX_OVERRIDES,
    TOKEN_LENGTH,
    TOKEN_VARIABLE,
    Target,
    environment_of,
    has_too_many_inputs,
    overrides_size,
    submit_request,
)
from jobbag.s3.place import S3Place

JobGroup = tuple[Job, ...]  # the jobs of one SubmitJob request: one job, or all children of an array job
SCRIPT_URL = "BATCH_FILE_S3_URL"  # of the fetch-and-run protocol
LONGEST_REGION, LONGEST_ENDPOINT = 32, 64  # letters
LARGE = 8 * 1024 * 1024  # bytes of a manifest that is made when it is sent, and so twice; others are kept
MANIFEST = ".manifest"  # the end of their keys
LONGEST_NUMBER = "0" * 12  # in the place of the bytes of a record, which are not known yet


def runs_scripts(job: Job) -> bool:
    """Whether the job's image follows the fetch-and-run protocol."""
    return job.environment.get(FILE_TYPE) == "script" and SCRIPT_URL in job.environment


@dataclass(frozen=True)
class Attachment:
    """An object for S3, of so many bytes. A large one is made when it is sent, and let go then."""

    size: int
    content: Callable[[], bytes]

    @classmethod
    def of(cls, content: bytes) -> Attachment:
        """One that is there already."""
        return cls(len(content), lambda: content)


@dataclass(frozen=True)
class PreparedRequest:
    """A SubmitJob request, and the objects (by key) that must be in S3 before it is made."""

    request: Mapping[str, Any]
    place: S3Place | None = None
    objects: Mapping[str, Attachment] = field(default_factory=dict)
    indexes: Sequence[int] = ()  # of each of the jobs in the array job; empty if it is none

    @property
    def is_array(self) -> bool:
        return bool(self.indexes)

    def ids(self, jobs: JobGroup, aws_id: str) -> Iterator[tuple[Job, str]]:
        """Each of the jobs with its AWS id. `aws_id`: what SubmitJob answered, the id of the job or array job."""
        if not self.is_array:
            yield jobs[0], aws_id
        for job, index in zip(jobs, self.indexes, strict=False):
            yield job, f"{aws_id}:{index}"


@dataclass(frozen=True)
class Requests:
    """Makes the SubmitJob requests for the jobs of a bag."""

    bag: Bag
    place: S3Place
    target: Target
    region: str  # of the bucket
    endpoint: str = ""  # the URL of S3 there, if AWS has it

    def can_be_packed(self, job: Job) -> bool:
        """Whether AWS Batch has arrays of such jobs, and the launcher can read its records in them."""
        return form_of(self.target.definition_of(job)) in (Form.CONTAINER, Form.ECS)

    def of(self, jobs: JobGroup, token: str, after: Sequence[str] = ()) -> PreparedRequest:
        """The request of one job, or of several as an array job, with the token in it.

        `after`: AWS ids of the jobs of the bag that must succeed before.
        """
        prepared = self._of(jobs, token, after)
        return replace(prepared, request=placed(prepared.request, self.target.definition_of(jobs[0])))

    def _of(self, jobs: JobGroup, token: str, after: Sequence[str]) -> PreparedRequest:
        request = submit_request(jobs[0], self.bag, self.place, self.target, token)
        if after:
            request["dependsOn"] = [*request.get("dependsOn", ()), *({"jobId": aws_id} for aws_id in after)]
        if jobs[0].child is not None:
            return PreparedRequest(request, indexes=_indexes(jobs))
        if len(jobs) > 1:
            return self._array(jobs, token, request)
        if jobs[0].launcher:
            return self._launched(jobs[0], token, request)
        if has_too_many_inputs(request) and self.can_be_packed(jobs[0]):
            return self._with_manifest(jobs, token, request)
        return PreparedRequest(request)

    def sought(self, children: Mapping[int | None, Job], token: str, queue: str | None) -> PreparedRequest:
        """The request that an earlier start may have sent with the token, as far as it is needed to find its job.

        `children` are the jobs of that request by their index, as `by_token` gives them. `queue` is where it was sent,
        if that is known: this start may have been given another one.
        """
        first = next(iter(children.values()))
        queue = queue or first.request.get("jobQueue", self.target.queue)
        if None in children or first.child is not None:
            prepared = self.of(tuple(children.values()), token)
            return replace(prepared, request={**prepared.request, "jobQueue": queue})
        variable = {"name": TOKEN_VARIABLE, "value": token}
        request = {
            "jobName": request_name(token),
            "jobQueue": queue,
            "containerOverrides": {"environment": [variable]},
        }
        return PreparedRequest(request, indexes=[index for index in children if index is not None])

    def _array(self, jobs: JobGroup, token: str, request: Mapping[str, Any]) -> PreparedRequest:
        name = request_name(token)
        request = {**request, "jobName": name, "arrayProperties": {"size": len(jobs)}}
        return replace(self._with_manifest(jobs, token, request), indexes=range(len(jobs)))

    def _launched(self, job: Job, token: str, request: Mapping[str, Any]) -> PreparedRequest:
        """The request of a single job that the launcher starts, with a manifest only where there is no other way."""
        overrides = request["containerOverrides"]
        own = {launcher.LAUNCHER_VARIABLE: "1", **self._where, **self._files_variable((job,), token)}
        direct = {
            **overrides,
            "command": launcher.command(overrides["command"], PROG),
            "environment": [*overrides["environment"], *_listed(own)],
        }
        all_pass = all(launcher.passes(one["name"]) for one in overrides["environment"])
        prepared = {**request, "containerOverrides": direct}
        if runs_scripts(job) or not all_pass or overrides_size(prepared) > MAX_OVERRIDES:
            return self._with_manifest((job,), token, request)
        return PreparedRequest(prepared, self.place, self._files((job,), token))

    def _files(self, jobs: JobGroup, token: str) -> dict[str, Attachment]:
        """The second part of the launcher, if jobs need it; one object for all jobs that a start sends."""
        if not _have_files(jobs):
            return {}
        text = Attachment.of(launcher.files_text(self.place.encryption).encode())
        return {self.place.key(_files_name(token)): text}

    def _files_variable(self, jobs: JobGroup, token: str) -> dict[str, str]:
        return {launcher.FILES_VARIABLE: f"{self.place.url}{_files_name(token)}"} if _have_files(jobs) else {}

    @property
    def _where(self) -> dict[str, str]:
        """Where the launcher finds S3."""
        endpoint = {launcher.ENDPOINT_VARIABLE: self.endpoint} if self.endpoint else {}
        return {launcher.REGION_VARIABLE: self.region, **endpoint}

    def _with_manifest(self, jobs: JobGroup, token: str, request: Mapping[str, Any]) -> PreparedRequest:
        """The request, and a manifest with the command and variables of each job; all else the jobs have in common."""
        name = request_name(token)
        objects = self._files(jobs, token)
        own = {
            TOKEN_VARIABLE: token,
            launcher.MANIFEST_VARIABLE: f"{self.place.url}{name}{MANIFEST}",
            launcher.RECORD_VARIABLE: LONGEST_NUMBER,
            **self._where,
            **self._files_variable(jobs, token),
        }
        if jobs[0].launcher:
            own[launcher.LAUNCHER_VARIABLE] = "1"
        command = launcher.command((), PROG)
        if runs_scripts(jobs[0]):
            objects[self.place.key(f"{name}.sh")] = Attachment.of(launcher.text().encode())
            own |= {FILE_TYPE: "script", SCRIPT_URL: f"{self.place.url}{name}.sh"}
            command = [PROG]
        overrides = {**request["containerOverrides"], "command": command, "environment": _listed(own)}
        room = MAX_OVERRIDES - overrides_size({"containerOverrides": overrides})
        common = _common([self._variables(job) for job in jobs], room)
        size = max(len(self._record(job, common)) for job in jobs)
        manifest = Attachment(size * len(jobs), partial(self._manifest, jobs, common, size))
        if manifest.size < LARGE:
            manifest = Attachment.of(manifest.content())
        objects[self.place.key(f"{name}{MANIFEST}")] = manifest
        overrides["environment"] = _listed({**common, **own, launcher.RECORD_VARIABLE: str(size)})
        return PreparedRequest({**request, "containerOverrides": overrides}, self.place, objects)

    def _variables(self, job: Job) -> dict[str, str]:
        return environment_of(job, self.bag, self.place)

    def _record(self, job: Job, common: Mapping[str, str]) -> bytes:
        return launcher.record([job.executable, *job.arguments], _without(self._variables(job), common))

    def _manifest(self, jobs: JobGroup, common: Mapping[str, str], size: int) -> bytes:
        return launcher.manifest((self._record(job, common) for job in jobs), size)


def launch_problems(bag: Bag, place: S3Place) -> Iterator[Problem]:
    """Jobs with the launcher whose command AWS Batch is to put parameters into, but would not see."""
    names = Target("x" * MAX_NAME, "x" * MAX_NAME)
    requests = Requests(bag, place, names, "x" * LONGEST_REGION, "x" * LONGEST_ENDPOINT)
    for job in bag.jobs:
        if not job.takes_parameters:
            continue
        prepared = requests.of((job,), "x" * TOKEN_LENGTH)
        if any(key.endswith(MANIFEST) for key in prepared.objects):
            yield Problem(
                job.where,
                "launcher: it would fetch this command, and AWS Batch puts parameters in the place of Ref:: only in a "
                'command that is sent; give it "launcher": false',
            )


def _common(variables: Sequence[Mapping[str, str]], room: int) -> dict[str, str]:
    """The variables with the same value for all children, as far as so many characters of JSON hold them.

    Without those that a shell may drop, as it does with names that it cannot use itself, and those that are not meant
    for the launcher.
    """
    found = {}
    for name, value in variables[0].items():
        size = len(json.dumps({"name": name, "value": value}, ensure_ascii=False)) + 1
        harmless = launcher.passes(name) and not launcher.steers(name)
        shared = harmless and all(one.get(name) == value for one in variables)
        if shared and name not in (FILE_TYPE, SCRIPT_URL) and size <= room:
            found[name] = value
            room -= size
    return found


def _indexes(children: JobGroup) -> list[int]:
    """Those of children of an array of the user's own."""
    return [job.child.index for job in children if job.child is not None]


def _have_files(jobs: JobGroup) -> bool:
    """Whether the launcher moves files for one of the jobs."""
    return any(job.items or job.outputs for job in jobs)


def _files_name(token: str) -> str:
    return f"{request_name(token.partition('.')[0])}.files.sh"


def _listed(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _without(variables: Mapping[str, str], common: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in common}
