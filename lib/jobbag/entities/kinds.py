"""The kinds of Batch entities, and the values that stand for one: existing, to be created, a plan of them."""

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
        """The field of answers that has the ARN."""
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
    """An entity that is there already, by its name or ARN."""

    kind: Kind
    ref: str


@dataclass(frozen=True)
class ToCreate:
    """An entity to create: the request of its create call, and where it was read (None: a default of ours)."""

    kind: Kind
    request: Mapping[str, Any]
    path: Path | None

    @property
    def name(self) -> str:
        return str(self.request[self.kind.name_field])


Spec = Existing | ToCreate


@dataclass(frozen=True)
class Plan:
    """The entities that the command is about."""

    definition: Spec | None
    environment: Spec | None
    queue: Spec | None
    place: S3Place | None
