"""Pure: which children of array jobs to ask AWS for. Times are those of one clock, in seconds.

AWS Batch counts the children of an array by state, so one look at the array tells how many have ended; only those
are then asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobbag.events.observation import ENDED
from jobbag.jobs.ids import parent_of

LONGEST = 15.0  # s between two looks at an array
SHARE = 0.25  # of the time in which nothing has changed: after it, the arrays are looked at again
SAMPLED = 30.0  # s without a change after which one child is asked for: it may say why it does not start
FEW = 200  # so many children or fewer are all asked for, without a list of those that have ended
WORTH = 0.02  # of the children that are left: so many must have ended before it is asked which
LISTED = 10  # times as many children as one call asks for are listed with one


@dataclass
class _Array:
    pending: dict[str, None] = field(default_factory=dict)  # ids of the children that are not known to have ended
    wanted: set[str] = field(default_factory=set)  # those of them that are to be asked for
    listed: float = 0.0  # when children that have ended were last listed
    missing_since: float | None = None


class ArrayChildren:
    """The array jobs whose children are watched. Children and array jobs are known by their AWS ids."""

    def __init__(self, first: float) -> None:
        """`first`: the shortest time between two looks at the arrays (s)."""
        self._first = first
        self._arrays: dict[str, _Array] = {}
        self._wanted: deque[str] = deque()  # children to ask for
        self._news = self._due = 0.0  # when something changed last, and when the arrays are to be looked at

    def add(self, child: str, now: float) -> None:
        """Watch a child that has not ended."""
        self._array(child).pending[child] = None
        self._is_news(now)

    def _is_news(self, now: float) -> None:
        self._news = now
        self._due = min(self._due, now + self._first)

    def _array(self, child: str) -> _Array:
        return self._arrays.setdefault(parent_of(child) or "", _Array())

    def pause(self, now: float) -> float | None:
        """The seconds until the arrays are to be looked at; None if there are none."""
        return max(self._due - now, 0.0) if self._arrays else None

    def look(self, now: float, most: int) -> list[str]:
        """The array jobs to ask for now, and a child of each that waits without a change; `most` ids in all."""
        if self.pause(now) != 0.0:
            return []
        self._due = now + min(max(SHARE * (now - self._news), self._first), LONGEST)
        arrays = list(self._arrays.items())[:most]
        self._arrays |= {parent: self._arrays.pop(parent) for parent, _ in arrays}  # the others come first next time
        waiting = [array for _, array in arrays if now - self._news > SAMPLED and not array.wanted]
        return [*(parent for parent, _ in arrays), *(next(iter(array.pending)) for array in waiting)][:most]

    def saw(self, parent: str, detail: Mapping[str, Any], now: float) -> tuple[str, ...]:
        """Take in what DescribeJobs says of an array job. The caller must list the children in the returned states, and
        pass them to `want`."""
        if parent not in self._arrays:
            return ()
        array, properties = self._arrays[parent], detail.get("arrayProperties") or {}
        array.missing_since = None
        counts = properties.get("statusSummary", {})
        ended = sum(counts.get(status, 0) for status in ENDED)
        size = properties.get("size", len(array.pending))
        left = len(array.pending)
        new = ended - (size - left) - len(array.wanted)
        if new <= 0:
            return ()
        self._is_news(now)
        if ended == size or left <= FEW:
            self.want(parent, array.pending)
            return ()
        cost = min(ended // LISTED, left)  # children that could be asked for instead of finding out which have ended
        if new < max(WORTH * left, cost) and now - array.listed < LONGEST:
            return ()
        array.listed = now
        if left <= ended // LISTED + new:
            self.want(parent, array.pending)
            return ()
        return tuple(status for status in ENDED if counts.get(status))

    def missing(self, parent: str, now: float) -> float:
        """Note that DescribeJobs does not show the array job. Returns the seconds since it first did not."""
        array = self._arrays[parent]
        array.missing_since = array.missing_since or now
        return now - array.missing_since

    def want(self, parent: str, children: Iterable[str]) -> None:
        """Ask for these children of the array job: they have ended, or may have."""
        array = self._arrays.get(parent, _Array())
        new = [one for one in children if one in array.pending and one not in array.wanted]
        array.wanted.update(new)
        self._wanted.extend(new)

    def take(self, most: int) -> list[str]:
        """Children to ask for, `most` at most. Those that turn out to have ended, the caller must `forget`."""
        taken = [self._wanted.popleft() for _ in range(min(most, len(self._wanted)))]
        for child in taken:
            self._array(child).wanted.discard(child)
        return taken

    def forget(self, child: str) -> None:
        """Stop watching a child: it has ended, or is lost."""
        parent = parent_of(child) or ""
        array = self._arrays[parent]
        array.pending.pop(child, None)
        if not array.pending:
            del self._arrays[parent]

    def children(self, parent: str) -> list[str]:
        """The children of an array that are not known to have ended."""
        return list(self._arrays[parent].pending) if parent in self._arrays else []
