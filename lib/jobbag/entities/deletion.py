"""Deletes entities, in the order that AWS needs."""

from __future__ import annotations

import logging

from jobbag.aws.client import Cloud
from jobbag.entities.entity import active_revisions, definition_name, describe
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Kind
from jobbag.entities.waiting import call_when_settled, is_settled, wait_until
from jobbag.errors import CleanupError, ToolError

log = logging.getLogger(__name__)


def delete(cloud: Cloud, entities: list[tuple[Kind, str]]) -> None:
    """Delete entities by name or ARN: queues, then compute environments, then job definitions.

    What is gone already is fine. One failure does not stop the rest: all are raised together as CleanupError.
    """
    failures = []
    for kind in (QUEUE, ENVIRONMENT, DEFINITION):
        for ref in (ref for its_kind, ref in entities if its_kind is kind):
            try:
                _delete_entity(cloud, kind, kind.update, ref) if kind.update else _delete_definition(cloud, ref)
            except ToolError as error:
                failures.append(f"the {kind.words} {ref} could not be deleted: {error}")
    if failures:
        raise CleanupError(failures)


def _delete_entity(cloud: Cloud, kind: Kind, update: str, ref: str) -> None:
    detail = describe(cloud, kind, ref)
    if detail is None:
        log.info("the %s %s is gone already", kind.words, ref)
        return
    log.info("deleting the %s %s", kind.words, ref)
    if detail.get("state") != "DISABLED" and detail.get("status") != "DELETING":
        call_when_settled(cloud, kind, ref, update, {kind.field: ref, "state": "DISABLED"})
    if detail.get("status") != "DELETING":
        wait_until(lambda: is_settled(cloud, kind, ref), f"the {kind.words} {ref} to be disabled", cloud)
        call_when_settled(cloud, kind, ref, kind.delete, {kind.field: ref})
    wait_until(lambda: describe(cloud, kind, ref) is None, f"the {kind.words} {ref} to be gone", cloud)


def _delete_definition(cloud: Cloud, ref: str) -> None:
    name, revision = definition_name(ref)
    found = [one for one in active_revisions(cloud, name) if revision in (None, one["revision"])]
    if not found:
        log.info("the job definition %s is gone already", ref)
    for one in found:
        log.info("deregistering the job definition %s:%s", name, one["revision"])
        cloud.call("batch", DEFINITION.delete, jobDefinition=one["jobDefinitionArn"])
