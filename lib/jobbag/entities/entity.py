"""Entities as the Describe calls of AWS Batch show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.kinds import ENVIRONMENT, QUEUE, Kind

# For the kinds that have a state: the API that describes them, the field of its request and answer that lists them,
# and the field that names one in the requests to update and delete it.
CALLS = {
    ENVIRONMENT: ("DescribeComputeEnvironments", "computeEnvironments", "computeEnvironment"),
    QUEUE: ("DescribeJobQueues", "jobQueues", "jobQueue"),
}


@dataclass(frozen=True)
class Entity:
    """An entity that is ready for use."""

    kind: Kind
    name: str
    arn: str
    detail: Mapping[str, Any]  # what its Describe call says; empty for what was just created


def definition_name(ref: str) -> tuple[str, int | None]:
    """The name and the revision, if there is one, in a job definition's name, name:revision or ARN."""
    name, _, revision = ref.rpartition("/")[2].partition(":")
    return name, int(revision) if revision.isdecimal() else None


def describe(cloud: Cloud, kind: Kind, ref: str) -> dict[str, Any] | None:
    """A compute environment or job queue, by name or ARN; None if there is none. Raises AwsError."""
    operation, field, _ = CALLS[kind]
    found: list[dict[str, Any]] = cloud.call("batch", operation, None, **{field: [ref]})[field]
    return next((one for one in found if one.get("status") != "DELETED"), None)


def describe_definition(cloud: Cloud, ref: str) -> dict[str, Any] | None:
    """The ACTIVE job definition of this name (its latest revision), name:revision or ARN; None if there is none."""
    name, revision = definition_name(ref)
    found = [one for one in active_revisions(cloud, name) if revision in (None, one["revision"])]
    return max(found, key=lambda one: int(one["revision"]), default=None)


def active_revisions(cloud: Cloud, name: str) -> Iterator[dict[str, Any]]:
    """The ACTIVE revisions of a job definition."""
    for page in cloud.pages("batch", "DescribeJobDefinitions", jobDefinitionName=name, status="ACTIVE"):
        yield from page["jobDefinitions"]


def status_reason(detail: Mapping[str, Any]) -> str:
    """Why an entity has its status, for a message."""
    return str(detail.get("statusReason") or "AWS gives no reason")
