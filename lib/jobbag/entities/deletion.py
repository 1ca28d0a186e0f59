"""Deletes entities, in the order that AWS needs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.entity import active_revisions, definition_name, find
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Kind
from jobbag.entities.waiting import call_when_settled, wait_until
from jobbag.errors import CleanupError, ToolError
from jobbag.events.consumers import Emit
from jobbag.events.events import Removed, Removing

log = logging.getLogger(__name__)


def delete(
    cloud: Cloud,
    entities: list[tuple[Kind, str]],
    marks: Mapping[str, str] | None = None,
    note: Emit = lambda _: None,
) -> None:
    """Delete entities by name or ARN: queues, then compute environments, then job definitions.

    What is gone already is fine, and so is what has not the mark that `marks` gives for its ARN: it is another's.
    `note` hears of each before and after. One failure does not stop the rest: all are raised together as CleanupError.
    """
    failures = []
    for kind in (QUEUE, ENVIRONMENT, DEFINITION):
        for ref in (ref for its_kind, ref in entities if its_kind is kind):
            try:
                mark = (marks or {}).get(ref, "")
                note(Removing(kind.arn_type, ref))
                if kind.update:
                    _Deletion(cloud, kind, ref, mark).run(kind.update)
                else:
                    _delete_definition(cloud, ref)
                note(Removed(kind.arn_type, ref))
            except ToolError as error:
                failures.append(f"the {kind.words} {ref} could not be deleted: {error}")
    if failures:
        raise CleanupError(failures)


@dataclass(frozen=True)
class _Deletion:
    """The deletion of a queue or a compute environment, by name or ARN."""

    cloud: Cloud
    kind: Kind
    ref: str
    mark: str

    def _found(self) -> dict[str, Any] | None:
        """What AWS shows of it. Another one may have its name as soon as it is gone."""
        return find(self.cloud, self.kind, self.ref, self.mark)

    def _is_settled(self) -> bool:
        """Whether it is VALID, INVALID or gone, and so in no transition."""
        detail = self._found()
        return detail is None or detail.get("status") in ("VALID", "INVALID")

    def run(self, update: str) -> None:
        """Delete it, and wait until it is gone. `update` is the API that disables it."""
        cloud, kind, ref = self.cloud, self.kind, self.ref
        detail = self._found()
        if detail is None:
            log.info("the %s %s is gone already", kind.words, ref)
            return
        log.info("deleting the %s %s", kind.words, ref)
        if detail.get("state") != "DISABLED" and detail.get("status") != "DELETING":
            call_when_settled(cloud, self._found, update, {kind.field: ref, "state": "DISABLED"})
        if detail.get("status") != "DELETING":
            wait_until(self._is_settled, f"the {kind.words} {ref} to be disabled", cloud)
            call_when_settled(cloud, self._found, kind.delete, {kind.field: ref})
        wait_until(lambda: self._found() is None, f"the {kind.words} {ref} to be gone", cloud)


def _delete_definition(cloud: Cloud, ref: str) -> None:
    name, revision = definition_name(ref)
    found = [one for one in active_revisions(cloud, name) if revision in (None, one["revision"])]
    if not found:
        log.info("the job definition %s is gone already", ref)
    for one in found:
        log.info("deregistering the job definition %s:%s", name, one["revision"])
        cloud.call("batch", DEFINITION.delete, jobDefinition=one["jobDefinitionArn"])
