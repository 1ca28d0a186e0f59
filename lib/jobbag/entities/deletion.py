"""Deletes entities, in the order that AWS needs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.capacity import environment_refs
from jobbag.entities.entity import active_revisions, definition_name, find, status_reason
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Kind
from jobbag.entities.waiting import call_when_settled, wait_until
from jobbag.errors import AwsError, CleanupError, ToolError
from jobbag.events.consumers import Emit
from jobbag.events.events import Removed, Removing

log = logging.getLogger(__name__)

STAYS = 60.0  # s after which an entity that was INVALID before is taken for one that is not deleted


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
            detail = self._found() or detail
            check = (lambda: self._check_free(detail)) if kind is ENVIRONMENT else lambda: None
            call_when_settled(cloud, self._found, kind.delete, {kind.field: ref}, check)
        wait_until(self._going(detail.get("status")), f"the {kind.words} {ref} to be gone", cloud)

    def _check_free(self, detail: Mapping[str, Any]) -> None:
        """Raises AwsError where a job queue that is not being deleted keeps the compute environment from going."""
        arn = detail[self.kind.arn_field]
        users = [
            queue[QUEUE.name_field]
            for page in self.cloud.pages("batch", QUEUE.describe)
            for queue in page[QUEUE.list_field]
            if arn in environment_refs(queue) and queue.get("status") not in ("DELETING", "DELETED")
        ]
        if users:
            what = f"the job queue {', '.join(users)} uses it; delete that before"
            raise AwsError(self.kind.delete, "InUse", what)

    def _going(self, before: str | None) -> Callable[[], bool]:
        """Whether it is gone, again and again. `before`: its status when AWS was asked to delete it.

        Raises AwsError when it has turned INVALID and so stays, as one does whose role is gone.
        """
        began, seen = time.monotonic(), before

        def is_gone() -> bool:
            nonlocal seen
            detail = self._found()
            if detail is None:
                return True
            was, seen = seen, detail.get("status")
            if seen == "INVALID" and (was != "INVALID" or time.monotonic() - began > STAYS):
                what = f"it is INVALID, and so stays: {status_reason(detail)}; mend that, and delete it again"
                raise AwsError(self.kind.delete, "INVALID", what)
            return False

        return is_gone


def _delete_definition(cloud: Cloud, ref: str) -> None:
    name, revision = definition_name(ref)
    found = [one for one in active_revisions(cloud, name) if revision in (None, one["revision"])]
    if not found:
        log.info("the job definition %s is gone already", ref)
    for one in found:
        log.info("deregistering the job definition %s:%s", name, one["revision"])
        cloud.call("batch", DEFINITION.delete, jobDefinition=one["jobDefinitionArn"])
