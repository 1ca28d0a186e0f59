"""What was just made, and what parts of AWS may not know yet: a refusal for that is tried again for a while."""

from __future__ import annotations

import re
import time

import botocore.exceptions as exceptions

from jobbag.aws.faults import code_of

SETTLING = 60.0  # s after which all of a service knows what was made
ROLE = 20.0  # s for a role to be known, which somebody else has made
_UNKNOWN = re.compile(
    r"(?<!SchedulingPolicy ARN )not found|does not exist|not in ACTIVE status|must be (created and )?valid|\bVALID\b"
    r"|\bINVALID\b"
)
_ROLE = re.compile(
    r"AssumeRole|could not find IAM role|\b(role|instance profile)\b.*(not exist|not found|cannot be assumed)", re.I
)
_ENDS = re.compile(r"Delete|Deregister|Update|Abort|Head")  # what is not there for these calls is gone


class Settling:
    """What a run has made of late. Safe to share between threads."""

    def __init__(self) -> None:
        self._made: dict[str, float] = {}  # by service, when the last thing was made (time.monotonic())

    def made(self, service: str) -> None:
        """Something was made just now that later calls of the service name."""
        self._made[service] = time.monotonic()

    def lasts(self, service: str) -> bool:
        """Whether parts of the service may not know yet what was made."""
        return time.monotonic() - self._made.get(service, float("-inf")) < SETTLING

    def explains(self, service: str, operation: str, error: BaseException, began: float) -> bool:
        """Whether the refusal of a call may come from that. `began`: when it was tried first (time.monotonic())."""
        if not isinstance(error, exceptions.ClientError) or _ENDS.match(operation):
            return False
        message = str(error.response.get("Error", {}).get("Message", ""))
        if service == "s3":
            return code_of(error) == "NoSuchBucket" and self.lasts(service)
        if service == "batch" and awaits_role(message):
            return time.monotonic() - began < ROLE
        return service == "batch" and _UNKNOWN.search(message) is not None and self.lasts(service)


def awaits_role(reason: str) -> bool:
    """Whether AWS says that a role cannot be used, as it does for one that is new, too."""
    return _ROLE.search(reason) is not None
