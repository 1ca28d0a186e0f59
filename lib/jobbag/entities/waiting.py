"""Waiting, within bounds, until an entity is ready or gone."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.entity import Entity, describe, status_reason
from jobbag.entities.kinds import Kind
from jobbag.errors import AwsError

log = logging.getLogger(__name__)

SETTLE = 600.0  # s for an entity to become VALID, or to be gone
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # s between two looks
_TRANSITION = re.compile(
    r"resource is being modified|existing JobQueue relationship|must be (created and )?valid", re.I
)


# -- waiting


def is_settled(cloud: Cloud, kind: Kind, ref: str) -> bool:
    detail = describe(cloud, kind, ref)
    return detail is None or detail.get("status") in ("VALID", "INVALID")


def wait_until_valid(cloud: Cloud, entity: Entity) -> None:
    def valid() -> bool:
        detail = describe(cloud, entity.kind, entity.arn)
        if detail is not None and detail.get("status") == "INVALID":
            message = f"it is INVALID: {status_reason(detail)}"
            raise AwsError(entity.kind.create, "INVALID", message, subject=f"{entity.kind.words} {entity.name}")
        return detail is not None and detail.get("status") == "VALID"

    wait_until(valid, f"the {entity.kind.words} {entity.name} to be VALID", cloud)


def call_when_settled(cloud: Cloud, kind: Kind, ref: str, operation: str, request: Mapping[str, Any]) -> None:
    """Make a call that AWS refuses while the entity, or one attached to it, is in transition."""

    def done() -> bool:
        try:
            cloud.call("batch", operation, None, **request)
        except AwsError as error:
            if _TRANSITION.search(error.message):
                return False
            detail = describe(cloud, kind, ref)
            if detail is not None and detail.get("status") != "DELETING":
                raise
            # gone, by a request that got no answer
        return True

    wait_until(done, "a change of the entity to end", cloud)


def wait_until(done: Callable[[], bool], what: str, cloud: Cloud) -> None:
    """Look again and again, with growing pauses, until it is so. Raises AwsError after SETTLE seconds."""
    deadline, pause = time.monotonic() + SETTLE, FIRST_PAUSE
    while not done():
        if time.monotonic() > deadline:
            raise AwsError("waiting", "Timeout", f"waited {SETTLE:.0f} s for {what}")
        log.debug("waiting for %s", what)
        cloud.pause(pause)
        pause = min(pause * 1.6, LONGEST_PAUSE)
