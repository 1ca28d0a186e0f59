"""How many requests went to each API of AWS, and how many of them were refused as too many, or failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from jobbag.aws.faults import is_throttle

NOT_FOUND = 404  # HTTP status; no failure, but the answer to a question such as HeadObject


class CallCounts:
    """Counts requests, each attempt of a call as one. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}

    @contextmanager
    def counted(self, service: str, operation: str) -> Iterator[None]:
        """Count the one request that is made in this context, by whether it raises."""
        try:
            yield
        except BaseException as error:
            self._count(service, operation, error)
            raise
        self._count(service, operation, None)

    def listener(self, service: str) -> Callable[..., None]:
        """A hook for the event response-received of a client of botocore."""

        def received(event_name: str, parsed_response: Any, exception: BaseException | None, **_: Any) -> None:
            operation = event_name.rpartition(".")[2]
            if parsed_response and "Error" in parsed_response:
                exception = ClientError(parsed_response, operation)
            self._count(service, operation, exception)

        return received

    def _count(self, service: str, operation: str, error: BaseException | None) -> None:
        with self._lock:
            name = f"{service} {operation}"
            counts = self._counts.setdefault(name, {"calls": 0, "throttled": 0, "failed": 0})
            counts["calls"] += 1
            if is_throttle(error):
                counts["throttled"] += 1
            elif error is not None and not _is_not_found(error):
                counts["failed"] += 1

    @property
    def calls(self) -> dict[str, dict[str, int]]:
        """By `service API` (`batch SubmitJob`), in alphabetical order: `calls`, of these `throttled` and `failed`."""
        with self._lock:
            return {name: dict(self._counts[name]) for name in sorted(self._counts)}


def _is_not_found(error: BaseException) -> bool:
    if not isinstance(error, ClientError):
        return False
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == NOT_FOUND
