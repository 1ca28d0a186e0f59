"""Entities as the Describe calls of AWS Batch show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.kinds import DEFINITION, Kind

TAG = "pegasus-aws-batch-run"  # what a run makes has the run's id in this tag, where it may be tagged


@dataclass(frozen=True)
class Entity:
    """An entity that is ready for use."""

    kind: Kind
    name: str
    arn: str
    detail: Mapping[str, Any]  # what its Describe call says, or the answer to the call that made it


def definition_name(ref: str) -> tuple[str, int | None]:
    """The name and the revision, if there is one, in a job definition's name, name:revision or ARN."""
    name, _, revision = ref.rpartition("/")[2].partition(":")
    return name, int(revision) if revision.isdecimal() else None


def describe(cloud: Cloud, kind: Kind, ref: str) -> dict[str, Any] | None:
    """What AWS shows of a compute environment or a job queue, by name or ARN; None if there is none."""
    found: list[dict[str, Any]] = cloud.call("batch", kind.describe, None, **{kind.list_field: [ref]})[kind.list_field]
    return next((one for one in found if one.get("status") != "DELETED"), None)


def find(cloud: Cloud, kind: Kind, ref: str, mark: str = "") -> dict[str, Any] | None:
    """What AWS shows of an entity of any kind, by name or ARN, if it has this mark; "": whatever it has."""
    detail = describe_definition(cloud, ref) if kind is DEFINITION else describe(cloud, kind, ref)
    return detail if detail is not None and is_marked(detail, mark) else None


def is_marked(detail: Mapping[str, Any], mark: str) -> bool:
    """Whether an entity has this mark in its tag; "": whatever it has."""
    return not mark or (detail.get("tags") or {}).get(TAG) == mark


def describe_definition(cloud: Cloud, ref: str) -> dict[str, Any] | None:
    """The ACTIVE job definition of this name (its latest revision), name:revision or ARN; None if there is none."""
    name, revision = definition_name(ref)
    found = [one for one in active_revisions(cloud, name) if revision in (None, one["revision"])]
    return max(found, key=lambda one: int(one["revision"]), default=None)


def active_revisions(cloud: Cloud, name: str) -> Iterator[dict[str, Any]]:
    for page in cloud.pages("batch", DEFINITION.describe, jobDefinitionName=name, status="ACTIVE"):
        yield from page["jobDefinitions"]


def status_reason(detail: Mapping[str, Any]) -> str:
    """Why an entity has its status, for a message."""
    return str(detail.get("statusReason") or "AWS gives no reason")
