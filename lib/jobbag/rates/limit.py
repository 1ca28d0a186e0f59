"""The pace of an API: its quota, shared with the user's other clients, and what refusals leave of that."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

AHEAD = 1.0  # s; slots beyond are not taken yet: there may be more of them by then, or fewer
NOTICE = 0.3  # s that others get to make room for the first calls of a client
SOONEST = 0.01  # s between two looks for a slot, at least

Tell = Callable[[float, float], Iterable[float]]  # what is wanted (calls a second), and until when → what others want


def fair_share(whole: float, others: Iterable[float]) -> float:
    """What one of several may have of a whole: as much as any other, and what those leave that want less (max-min)."""
    wants = sorted(others)
    for sharers, wanted in zip(range(len(wants) + 1, 1, -1), wants, strict=True):
        if wanted >= whole / sharers:
            return whole / sharers
        whole -= wanted
    return whole


class RateLimit:
    """Spaces calls evenly at a rate just under the quota, or the share of it that other clients leave. A throttle
    lowers the rate to that of the calls that were accepted; then it rises again slowly.

    Clients that nobody tells of may share the account, too.
    """

    HEADROOM = 0.98  # of the quota: all that is shared
    REGAIN = 0.02  # of the share, for each second without a throttle
    LEAST, MOST = 0.5, 0.9  # of the rate before a throttle: the bounds of the rate after it
    SLOWEST = 0.02  # of the share: no throttle brings the rate below
    LATELY = 1.0  # s by which it is told what is wanted, and of which throttles count once

    def __init__(self, per_second: float, tell: Tell = lambda *_: ()) -> None:
        """`per_second`: the quota, in calls a second. `tell` notes what this client wants, infinity for all that it can
        get, until a time of time.monotonic(); and gives what each of the others wants."""
        self._full = self._share = per_second * self.HEADROOM
        self._part = 1.0  # of the share: what throttles leave
        self._tell = tell
        self._lock = threading.Lock()
        self._last = float("-inf")  # time.monotonic() of the last slot that was taken
        self._regained = self._cut = float("-inf")  # when the rate was last raised, and last cut
        self._latest: deque[float] = deque()  # the slots of late
        self._refused: deque[float] = deque()  # when calls were refused (time.monotonic())

    @property
    def rate(self) -> float:
        """Calls a second, as things are."""
        return self._share * self._part

    def wait(self, pause: Callable[[float], None]) -> None:
        """Take the next slot, and wait for it by `pause`, which is given seconds and may raise."""
        taken = False
        while not taken:
            seconds, taken = self.reserve()
            pause(seconds)

    def reserve(self) -> tuple[float, bool]:
        """Seconds to wait, and whether that is for a slot that is taken now; else until to try again."""
        with self._lock:
            now = time.monotonic()
            if self._part < 1.0 and now > self._regained:
                self._part = min(1.0, self._part + self.REGAIN * (now - self._regained))
                self._regained = now
            _forget(self._latest, now - self.LATELY)
            start = self._next(now)
            is_short = start - now > 1 / self.rate  # others wait already
            wanted = math.inf if is_short else (len(self._latest) + 1) / self.LATELY
            others = list(self._tell(wanted, start + self.LATELY))
            self._share = fair_share(self._full, others)
            if others and self._last < 0:
                self._last = now + NOTICE
            start = self._next(now)
            if start - now > AHEAD:
                return min(max(start - now - AHEAD, SOONEST), AHEAD), False
            self._last = start
            self._latest.append(start)
            return start - now, True

    def _next(self, now: float) -> float:
        return max(now, self._last + 1 / self.rate)

    def throttled(self) -> None:
        """The service refused a call: slow down, once for all refusals of the same second."""
        with self._lock:
            now = time.monotonic()
            self._refused.append(now)
            if now - self._cut >= self.LATELY:
                _forget(self._refused, now - self.LATELY)
                through = sum(now - self.LATELY < start <= now for start in self._latest) - len(self._refused)
                part = min(through / self.LATELY / self._share, self.MOST * self._part)
                self._part = max(part, self.LEAST * self._part, self.SLOWEST)
                self._cut = now
                self._regained = now + self.LATELY  # the refused ones of this second are still under way


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] < before:
        times.popleft()
