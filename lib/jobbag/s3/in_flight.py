"""How many requests to S3 are under way at once: as many as make them faster, which shows while it runs."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jobbag.aws.faults import is_throttle

FIRST = 64
WINDOW = 0.1  # s, at least, after which it is looked at how many were answered
GAIN = 1.1  # more requests at once are right that have made the rate so many times what it was

FILES_EACH, OTHER_FILES = 4, 32  # open files of a request, its connection among them, and of all else that a run does


def possible(requests: int) -> int:
    """So many requests at the same time, or as many as the system allows open files for (ulimit -n)."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return requests
    return max(1, min(requests, (most - OTHER_FILES) // FILES_EACH))


class InFlight:
    """Lets through as many at once as the service and the machine reward. Safe to share between threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._limit = min(FIRST, most)
        self._changed = threading.Condition()
        self._busy = self._done = 0
        self._was_full = False  # since the last look
        self._since = time.monotonic()
        self._best = 0.0  # requests a second

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait until one more request may be sent, and count it as under way meanwhile."""
        with self._changed:
            while self._busy >= self._limit:
                self._was_full = True
                self._changed.wait()
            self._busy += 1
        slow_down = False
        try:
            yield
        except Exception as error:
            slow_down = is_throttle(error)
            raise
        finally:
            with self._changed:
                self._busy -= 1
                self._done += 1
                self._adapt(slow_down=slow_down)
                self._changed.notify()

    def _adapt(self, *, slow_down: bool) -> None:
        now = time.monotonic()
        if slow_down:
            self._limit = max(1, self._limit // 2)
            self._best = 0.0
        elif now - self._since < WINDOW or self._done < self._limit:
            return
        rate = self._done / max(now - self._since, 1e-6)
        if self._was_full and not slow_down and rate > self._best * GAIN:
            self._best = rate
            self._limit = min(2 * self._limit, self.most)
            self._changed.notify_all()
        self._since, self._done, self._was_full = now, 0, False
