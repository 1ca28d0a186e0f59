"""The kinds of batch entities; and what the options ask for: an existing one, one to create, a plan of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobbag.s3.place import S3Place


@dataclass(frozen=True)
class Kind:
    """A kind of batch entity: its names for people, in the API and on the command line."""

    words: str
    suffix: str
    option: str
    create: str  # the API
    name_field: str
    arn_type: str

    @property
    def arn_field(self) -> str:
        """The field with the ARN in the answers of AWS."""
        return self.name_field.removesuffix("Name") + "Arn"


DEFINITION = Kind(
    "job definition", "-job-definition", "--job-definition", "RegisterJobDefinition", "jobDefinitionName",
    "job-definition",
)  # fmt: skip
ENVIRONMENT = Kind(
    "compute environment", "-compute-environment", "--compute-environment", "CreateComputeEnvironment",
    "computeEnvironmentName", "compute-environment",
)  # fmt: skip
QUEUE = Kind("job queue", "-job-queue", "--job-queue", "CreateJobQueue", "jobQueueName", "job-queue")

JOB_ENTITIES = {"jobQueue": QUEUE, "jobDefinition": DEFINITION}  # fields with which a job names its own


@dataclass(frozen=True)
class Existing:
    """An entity that is expected to exist, by its name or ARN."""

    kind: Kind
    ref: str


@dataclass(frozen=True)
class ToCreate:
    """An entity to create: the request of its create call, and the file it comes from (None: a default)."""

    kind: Kind
    request: Mapping[str, Any]
    path: Path | None

    @property
    def name(self) -> str:
        return str(self.request[self.kind.name_field])


Spec = Existing | ToCreate


@dataclass(frozen=True)
class Plan:
    """The entities and the place in S3 that a run uses, or that --create and --delete are about. None: not given."""

    definition: Spec | None
    environment: Spec | None
    queue: Spec | None
    place: S3Place | None
