"""How fast to call: one rate for each API, shared by all threads, which throttling lowers."""

from __future__ import annotations

import threading
import time
from collections import deque

# Calls a second that AWS allows an account in a region (AWS Batch service quotas; CloudWatch Logs quotas).
_QUOTAS = {
    "SubmitJob": 50.0, "DescribeJobs": 50.0, "TerminateJob": 50.0, "TerminateJobs": 10.0, "ListJobs": 50.0,
    "DeleteLogStream": 15.0,
}  # fmt: skip
_GET_LOG_EVENTS = dict.fromkeys(
    (
        "us-west-2",
        "eu-west-1",
        "eu-central-1",
        "ca-west-1",
        "ap-northeast-3",
        "ap-southeast-3",
        "il-central-1",
    ),
    10.0,
) | {"eu-west-3": 30.0}
_FILTER_LOG_EVENTS = {"us-east-1": 25.0} | dict.fromkeys(
    ("eu-central-1", "ca-west-1", "ap-northeast-3", "ap-southeast-3", "il-central-1"), 5.0
)


def quota(operation: str, region: str) -> float | None:
    """The calls a second that AWS allows for an API in a region; None where no figure is published."""
    if operation == "GetLogEvents":
        return _GET_LOG_EVENTS.get(region, 25.0)
    if operation == "FilterLogEvents":
        return _FILTER_LOG_EVENTS.get(region, 10.0)
    return _QUOTAS.get(operation)


class RateLimit:
    """Spaces calls evenly at a rate just under the quota. A throttle lowers the rate to that of the calls that were
    accepted; then it rises again slowly.

    Others may share the account, so the quota is only the rate to start with.
    """

    HEADROOM = 0.98  # of the quota: the full rate
    REGAIN = 0.02  # of the full rate, for each second without a throttle
    LEAST, MOST = 0.5, 0.9  # of the rate before a throttle: the bounds of the rate after it

    def __init__(self, per_second: float) -> None:
        """`per_second`: the quota, in calls a second."""
        self._full = per_second * self.HEADROOM
        self._rate = self._full
        self._lock = threading.Lock()
        self._next = 0.0  # time.monotonic() of the next free slot
        self._regained = self._cut = float("-inf")  # when the rate was last raised, and last cut
        self._latest: deque[float] = deque()  # the slots of the last second
        self._refused: deque[float] = deque()  # when calls were refused (time.monotonic())

    def reserve(self) -> float:
        """Take the next slot; returns the seconds to wait for it."""
        with self._lock:
            now = time.monotonic()
            if self._rate < self._full and now > self._regained:
                self._rate = min(self._full, self._rate + self.REGAIN * self._full * (now - self._regained))
                self._regained = now
            start = max(now, self._next)
            self._next = start + 1 / self._rate
            self._latest.append(start)
            _forget(self._latest, now - 1.0)
            return start - now

    def throttled(self) -> None:
        """The service refused a call: slow down, once for all refusals of the same second."""
        with self._lock:
            now = time.monotonic()
            self._refused.append(now)
            if now - self._cut >= 1.0:
                _forget(self._refused, now - 1.0)
                through = sum(now - 1.0 < start <= now for start in self._latest) - len(self._refused)
                self._cut = now
                self._rate = max(min(through, self.MOST * self._rate), self.LEAST * self._rate, 0.5)
                self._regained = now + 1.0  # the refused ones of this second are still under way


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] < before:
        times.popleft()


class RateLimits:
    """The limits of all operations that have one, by region. Safe to share between threads."""

    def __init__(self, *, embedded: bool) -> None:
        """`embedded`: the AWS is the one in this process, which has no limits."""
        self._embedded = embedded
        self._limits: dict[tuple[str, str], RateLimit] = {}

    def of(self, operation: str, region: str) -> RateLimit | None:
        """The limit of an operation in a region; None if there is none."""
        per_second = None if self._embedded else quota(operation, region)
        if per_second is None:
            return None
        key = operation, region
        # setdefault is atomic, so all threads get the same one
        return self._limits.get(key) or self._limits.setdefault(key, RateLimit(per_second))
