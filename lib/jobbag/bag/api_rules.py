"""Rules for jobs and job definitions that are in the AWS Batch documentation, but not in botocore's model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MIN_TIMEOUT = 60  # s (AWS Batch User Guide, Job timeouts)
MAX_TAGS = 50
MAX_CHILDREN = 10_000  # of an array job
MAX_PRIORITY = 9999

# The amounts that a resourceRequirement can ask for, and how a message says it (AWS Batch API Reference).
_AMOUNTS = {
    "VCPU": (re.compile(r"(?!0*(\.0*)?$)\d{1,6}(\.\d{1,6})?"), 'a number of vCPUs, such as "2" or "0.25"'),
    "MEMORY": (re.compile(r"0*([4-9]|[1-9]\d{1,9})"), "a whole number of MiB, 4 or more"),
    "GPU": (re.compile(r"0*[1-9]\d{0,5}"), "a whole number of GPUs, 1 or more"),
}
_ANY = re.compile(r"(?s).*"), ""
_SHARE = re.compile(r"[A-Za-z0-9]{0,254}[A-Za-z0-9*]")


def rule_problems(request: Mapping[str, Any]) -> Iterator[str]:
    """What breaks these rules in a SubmitJob or RegisterJobDefinition request: `field: what`, one each."""
    retry = request.get("retryStrategy")
    if isinstance(retry, dict):
        attempts, rules = retry.get("attempts"), retry.get("evaluateOnExit")
        if isinstance(attempts, int) and not 1 <= attempts <= 10:
            yield f"retryStrategy.attempts: must be 1 to 10, not {attempts}"
        if rules and attempts is None:
            yield "retryStrategy.attempts: must be given with evaluateOnExit"
        if isinstance(rules, list) and len(rules) > 5:
            yield f"retryStrategy.evaluateOnExit: can have 5 entries at most, not {len(rules)}"
    array = request.get("arrayProperties")
    size = array.get("size") if isinstance(array, dict) else None
    if array is not None and not (isinstance(size, int) and 2 <= size <= MAX_CHILDREN):
        yield f"arrayProperties.size: must be 2 to {MAX_CHILDREN}, not {size}"
    timeout = request.get("timeout")
    seconds = timeout.get("attemptDurationSeconds") if isinstance(timeout, dict) else None
    if isinstance(seconds, int) and seconds < MIN_TIMEOUT:
        yield f"timeout.attemptDurationSeconds: must be {MIN_TIMEOUT} or more, not {seconds}"
    priority = request.get("schedulingPriorityOverride", request.get("schedulingPriority"))
    if isinstance(priority, int) and not 0 <= priority <= MAX_PRIORITY:
        yield f"schedulingPriority: must be 0 to {MAX_PRIORITY}, not {priority}"
    share = request.get("shareIdentifier")
    if isinstance(share, str) and not _SHARE.fullmatch(share):
        yield f"shareIdentifier: {share!r} must be 255 letters and digits at most; a '*' may be the last"
    tags = request.get("tags")
    if isinstance(tags, dict):
        yield from _tag_problems(tags)
    for name in ("containerOverrides", "containerProperties"):
        container = request.get(name)
        if isinstance(container, dict):
            yield from _requirement_problems(container.get("resourceRequirements"), f"{name}.resourceRequirements")


def _tag_problems(tags: Mapping[str, Any]) -> Iterator[str]:
    if not 1 <= len(tags) <= MAX_TAGS:
        yield f"tags: must be 1 to {MAX_TAGS}, not {len(tags)}"
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or (isinstance(value, str) and len(value) > 256):
            yield f"tags: {key[:128]!r}: a key has 1 to 128 characters, and a value 256 at most"
        elif key.lower().startswith("aws:"):
            yield f"tags: {key!r}: keys that begin with aws: are reserved"


def _requirement_problems(requirements: Any, where: str) -> Iterator[str]:
    if not isinstance(requirements, list):
        return
    seen = set()
    for index, one in enumerate(requirements):
        kind, value = (one.get("type"), one.get("value")) if isinstance(one, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(value, str):
            continue  # api_model reports it
        pattern, what = _AMOUNTS.get(kind.upper(), _ANY)
        if not pattern.fullmatch(value):
            yield f"{where}[{index}].value: {value!r} must be {what}"
        if kind.upper() in seen:
            yield f"{where}[{index}]: {kind} is given twice"
        seen.add(kind.upper())
