"""The kinds of batch entities; and what the options ask for: an existing one, one to create, a plan of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobbag.s3.place import S3Place


@dataclass(frozen=True)
class Kind:
    """A kind of batch entity. Its names everywhere else are its name for people, in another spelling."""

    words: str
    create: str  # the APIs
    describe: str
    update: str | None  # None: it has no state, and so need not be disabled before it can be deleted
    delete: str

    @property
    def arn_type(self) -> str:
        """Before the name in an ARN: `job-queue`."""
        return self.words.replace(" ", "-")

    @property
    def option(self) -> str:
        return f"--{self.arn_type}"

    @property
    def suffix(self) -> str:
        """What stands behind the prefix in a default name."""
        return f"-{self.arn_type}"

    @property
    def identifier(self) -> str:
        """In Python: `job_queue`."""
        return self.words.replace(" ", "_")

    @property
    def key(self) -> str:
        """In the properties file."""
        return f"pegasus.aws.batch.{self.identifier}"

    @property
    def field(self) -> str:
        """In requests that name one: `jobQueue`."""
        first, *others = self.words.split()
        return first + "".join(map(str.title, others))

    @property
    def list_field(self) -> str:
        """In the request and in the answer of `describe`."""
        return f"{self.field}s"

    @property
    def name_field(self) -> str:
        return f"{self.field}Name"

    @property
    def arn_field(self) -> str:
        return f"{self.field}Arn"


DEFINITION = Kind(
    "job definition", "RegisterJobDefinition", "DescribeJobDefinitions", None, "DeregisterJobDefinition"
)  # fmt: skip
ENVIRONMENT = Kind(
    "compute environment", "CreateComputeEnvironment", "DescribeComputeEnvironments", "UpdateComputeEnvironment",
    "DeleteComputeEnvironment",
)  # fmt: skip
QUEUE = Kind("job queue", "CreateJobQueue", "DescribeJobQueues", "UpdateJobQueue", "DeleteJobQueue")

KINDS = {kind.arn_type: kind for kind in (DEFINITION, ENVIRONMENT, QUEUE)}
JOB_ENTITIES = {kind.field: kind for kind in (QUEUE, DEFINITION)}  # fields with which a job names its own


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
