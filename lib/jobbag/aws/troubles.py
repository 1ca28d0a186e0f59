"""What calls of AWS wait out: told in the log, and to who watches the run."""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable

from jobbag.aws.faults import kind_of_trouble

log = logging.getLogger(__name__)

WORTH_TELLING = 3.0  # s that a call must have been tried in vain
TOLD_EACH = 5.0  # s between two warnings on one API, which many threads may call


class Troubles:
    """The calls that wait to be tried again. Safe to share between threads."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[float, str]] = {}  # by call: since when (time.monotonic()), and for what
        self._warned: dict[str, float] = {}  # by API: when (time.monotonic())

    def tell(
        self, call: Hashable, operation: str, error: BaseException | None, *, since: float, attempt: int, pause: float
    ) -> None:
        """An attempt of a call has failed, and the next is to come after `pause` seconds.

        `since` is the time (time.monotonic()) of the first one, `attempt` the number of this one.
        """
        now = time.monotonic()
        # The first few are everyday life; who waits for long wants to know why.
        long = attempt >= 4 or now - since >= WORTH_TELLING
        warns = long and now - self._warned.get(operation, now - TOLD_EACH) >= TOLD_EACH
        if warns:
            self._warned[operation] = now
        level = logging.WARNING if warns else logging.DEBUG
        log.log(level, "%s: %s; attempt %d failed, next in %.1f s", operation, error, attempt, pause)
        self._waiting[call] = (since, kind_of_trouble(operation, error))

    def over(self, call: Hashable) -> None:
        """The call waits no more."""
        self._waiting.pop(call, None)

    def what(self) -> str | None:
        """What a call waits out for a while now, in words; None if there is none."""
        now = time.monotonic()
        found = (what for since, what in list(self._waiting.values()) if now - since >= WORTH_TELLING)
        return next(found, None)
