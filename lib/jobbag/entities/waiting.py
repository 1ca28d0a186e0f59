"""Waiting, within bounds, until an entity is ready or gone."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.aws.settling import awaits_role
from jobbag.entities.entity import Entity, describe, status_reason
from jobbag.errors import AwsError

log = logging.getLogger(__name__)

SETTLE = 600.0  # s for an entity to become VALID, or to be gone
NEW = 60.0  # s in which AWS may not show a new one, or not know its role
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # s between two tries
_TRANSITION = re.compile(
    r"resource is being modified|existing JobQueue relationship|must be (created and )?valid", re.I
)


def wait_until_valid(cloud: Cloud, entity: Entity) -> None:
    """Wait until an entity is VALID.

    Raises AwsError when it is INVALID, for another reason than a new role, or is deleted; or still not VALID after
    SETTLE seconds.
    """
    began = time.monotonic()

    def valid() -> bool:
        detail = describe(cloud, entity.kind, entity.arn)
        status = None if detail is None else detail.get("status")
        is_new = time.monotonic() - began < NEW
        if detail is not None and status == "INVALID" and not (is_new and may_become_valid(detail)):
            raise _failure(entity, "INVALID", f"it is INVALID: {status_reason(detail)}")
        if status == "DELETING" or (detail is None and not is_new):
            raise _failure(entity, "Gone", "somebody else deletes it, or has done so")
        return status == "VALID"

    wait_until(valid, f"the {entity.kind.words} {entity.name} to be VALID", cloud)


def _failure(entity: Entity, code: str, message: str) -> AwsError:
    return AwsError(entity.kind.create, code, message, subject=f"{entity.kind.words} {entity.name}")


def may_become_valid(detail: Mapping[str, Any]) -> bool:
    """Whether an entity is INVALID for a role that AWS may not know yet."""
    return detail.get("status") == "INVALID" and awaits_role(status_reason(detail))


def call_when_settled(
    cloud: Cloud,
    find: Callable[[], Mapping[str, Any] | None],
    operation: str,
    request: Mapping[str, Any],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Make a call, again as long as AWS refuses it because the entity, or one attached to it, is in transition.

    `find` gives what AWS shows of the entity; `check` raises AwsError where that transition will never end. Raises
    AwsError for another refusal, unless the entity is gone; and after SETTLE seconds.
    """

    def done() -> bool:
        try:
            cloud.call("batch", operation, None, **request)
        except AwsError as error:
            if _TRANSITION.search(error.message):
                check()
                return False
            detail = find()
            if detail is not None and detail.get("status") != "DELETING":
                raise
            # else it is gone, by a request whose answer was lost
        return True

    wait_until(done, "a change of the entity to end", cloud)


def wait_until(done: Callable[[], bool], what: str, cloud: Cloud) -> None:
    """Call `done`, with growing pauses, until it is true. Raises AwsError, which names `what`, after SETTLE seconds."""
    deadline, pause = time.monotonic() + SETTLE, FIRST_PAUSE
    while not done():
        if time.monotonic() > deadline:
            raise AwsError("waiting", "Timeout", f"waited {SETTLE:.0f} s for {what}")
        log.debug("waiting for %s", what)
        cloud.pause(pause)
        pause = min(pause * 1.6, LONGEST_PAUSE)
