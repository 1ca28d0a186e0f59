"""Waiting, within bounds, until an entity is ready or gone."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.entity import Entity, describe, status_reason
from jobbag.errors import AwsError

log = logging.getLogger(__name__)

SETTLE = 600.0  # s for an entity to become VALID, or to be gone
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # s between two tries
_TRANSITION = re.compile(
    r"resource is being modified|existing JobQueue relationship|must be (created and )?valid", re.I
)


def wait_until_valid(cloud: Cloud, entity: Entity) -> None:
    """Wait until an entity is VALID. Raises AwsError when it is INVALID, or still not VALID after SETTLE seconds."""

    def valid() -> bool:
        detail = describe(cloud, entity.kind, entity.arn)
        if detail is not None and detail.get("status") == "INVALID":
            message = f"it is INVALID: {status_reason(detail)}"
            raise AwsError(entity.kind.create, "INVALID", message, subject=f"{entity.kind.words} {entity.name}")
        return detail is not None and detail.get("status") == "VALID"

    wait_until(valid, f"the {entity.kind.words} {entity.name} to be VALID", cloud)


def call_when_settled(
    cloud: Cloud, find: Callable[[], Mapping[str, Any] | None], operation: str, request: Mapping[str, Any]
) -> None:
    """Make a call, again as long as AWS refuses it because the entity, or one attached to it, is in transition.

    `find` gives what AWS shows of the entity. Raises AwsError for another refusal, unless the entity is gone; and
    after SETTLE seconds.
    """

    def done() -> bool:
        try:
            cloud.call("batch", operation, None, **request)
        except AwsError as error:
            if _TRANSITION.search(error.message):
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
