"""What a run is to do, with which AWS, and what its journal says of that."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobbag.bag.job import Bag, Job
from jobbag.entities.kinds import Plan, ToCreate
from jobbag.events.journal import Header
from jobbag.events.observation import now_ms
from jobbag.options.settings import Settings
from jobbag.s3.place import S3Place

if TYPE_CHECKING:  # it imports boto3, which bad input is not to wait for
    from jobbag.aws.client import Cloud


@dataclass(frozen=True)
class Task:
    """The jobs, the entities that they need, and where in S3 their files go, as the input says."""

    bag: Bag
    plan: Plan
    place: S3Place


@dataclass(frozen=True)
class TaskOnAws(Task):
    """A task, and the AWS that is to do it."""

    cloud: Cloud

    @property
    def bucket_region(self) -> str:
        """The region of the bucket, which need not be that of the run; known once S3 was asked for the bucket."""
        return self.cloud.buckets.of(self.place.bucket)


def header_of(settings: Settings, task: Task) -> Header:
    """The first line of the journal of a new run."""
    options = {
        "--local": "yes" if settings.local else None,
        "--region": settings.region,
        "--endpoint": settings.endpoint,
        "--s3": settings.s3,
        "--files": ",".join(settings.files),
        "--merge-logs": str(settings.merge_logs) if settings.merge_logs else None,
    }
    for spec in (task.plan.definition, task.plan.environment, task.plan.queue):
        if spec is not None:
            value = _digest(spec.request) if isinstance(spec, ToCreate) else spec.ref
            options[spec.kind.option] = value
    given = {name: value for name, value in options.items() if value}
    jobs = {job.name: digest_of(job) for job in task.bag.jobs}
    return Header(secrets.token_hex(6), now_ms(), given, jobs, own_keys=True)


def place_of(place: S3Place, header: Header) -> S3Place:
    """The place in S3 of the run with this first line."""
    return place.of_run(header.run if header.own_keys else "")


def digest_of(job: Job) -> str:
    """What tells whether a job is as it was."""
    return _digest(_content(job))


def _content(job: Job) -> list[Any]:
    """What of a job may not change while a run is under way; what few jobs have is there only if it is given."""
    content = [job.executable, job.arguments, dict(job.environment), job.inputs, dict(job.request), job.depends_on]
    files = [[item.source, item.target] for item in job.items], job.outputs
    return [*content, *(["launcher"] if job.launcher else []), *(files if any(files) else [])]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
