"""Pure: when to ask AWS for a job again: seldom while it waits, and soon after it is likely to have ended.

When a job is likely to end follows from the jobs of the same run that have ended: how long they waited, and how
long they ran. Before that, a job is asked for again after a quarter of the time that it has been in its state.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass

FIRST, LONGEST = 1.0, 30.0  # s between two looks at a job
SHARE = 0.25  # of the time in its state after which a job is asked for again
EARLY = 10.0  # s after its likely start: then even a long job is asked for, to know whether it runs
MARGIN = 0.3  # s after a job's end that AWS needs to show it
REMEMBERED = 400  # ended jobs from which the next ends are predicted
NEEDED = 5  # ended jobs before anything is predicted
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)  # of their times, at which the next ends are likely


class Times:
    """The latest durations of something (s), and what they predict."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, seconds: float) -> None:
        """Take in one more."""
        self._latest.append(seconds)
        insort(self._sorted, seconds)
        if len(self._latest) > REMEMBERED:
            del self._sorted[bisect_right(self._sorted, self._latest.popleft()) - 1]

    def next_after(self, seconds: float) -> float | None:
        """For what has lasted `seconds`: the next duration (s) at which an end is likely; None if nothing is known."""
        if len(self._sorted) < NEEDED:
            return None
        last = len(self._sorted) - 1
        marks = (self._sorted[round(quantile * last)] for quantile in QUANTILES)
        return next((mark for mark in marks if mark > seconds), None)


class Allowance:
    """Limits calls: so many a second on average, `burst` at once after a pause. Times are of one clock, in seconds."""

    def __init__(self, burst: float) -> None:
        self._burst = burst
        self._calls, self._since = burst, 0.0

    def pause(self, now: float, per_second: float) -> float:
        """The seconds until a call may be made; `per_second`: calls, from the last time on."""
        self._calls = min(self._calls + (now - self._since) * per_second, self._burst)
        self._since = now
        return max((1.0 - self._calls) / per_second, 0.0)

    def spend(self) -> None:
        """Count a call."""
        self._calls -= 1.0


@dataclass(slots=True)
class _Entry:
    submitted: float
    started: float | None = None
    due: float = 0.0  # when to ask for it


class PollSchedule:
    """The jobs to ask for, and when. Times are those of one clock, in seconds; the key of a job is its AWS id."""

    def __init__(self, tick: float, sweep_rate: float) -> None:
        """`tick`: s; jobs become due at multiples of it, so that many share a call.

        `sweep_rate`: how many jobs can be asked for in a second.
        """
        self._tick = tick
        self._sweep_rate = sweep_rate
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[float, str]] = []
        self._waits, self._runs = Times(), Times()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: str, now: float) -> None:
        """Schedule a job that was submitted just now."""
        self._entries[key] = _Entry(now)
        self._put(key, now + FIRST)

    def take(self, now: float, most: int) -> list[str]:
        """The jobs that are due within a tick, `most` at most. For each of them, the caller must call `saw`, `ended` or
        `forget`: until then it is not due again."""
        taken: list[str] = []
        if not self._heap or self._heap[0][0] > now:
            return taken
        while self._heap and self._heap[0][0] <= now + self._tick and len(taken) < most:
            due, key = heapq.heappop(self._heap)
            if key in self._entries and self._entries[key].due == due:
                taken.append(key)
        return taken

    def pause(self, now: float) -> float | None:
        """The seconds until the next job is due; None if there is none."""
        return max(self._heap[0][0] - now, 0.0) if self._heap else None

    def saw(self, key: str, now: float, started: float | None) -> None:
        """Note that the job has not ended; `started` is when it began to run, if it runs."""
        entry = self._entries[key]
        if started is not None and entry.started is None:
            self._waits.add(max(started - entry.submitted, 0.0))
        entry.started = started
        soonest = (now // self._tick + 2) * self._tick  # what is due within a tick would be taken at once again
        self._put(key, max(self._next_look(entry, now), soonest))

    def ended(self, key: str, started: float | None, stopped: float | None) -> None:
        """Note that the job has ended, and when it started and stopped, as far as that is known."""
        entry = self._entries.pop(key)
        if started is not None and stopped is not None:
            self._runs.add(max(stopped - started, 0.0))
            if entry.started is None:
                self._waits.add(max(started - entry.submitted, 0.0))

    def forget(self, key: str) -> None:
        """Remove a job that is not to be asked for any more."""
        del self._entries[key]

    def _next_look(self, entry: _Entry, now: float) -> float:
        sweep = len(self._entries) / self._sweep_rate
        near = now - self._tick / 2  # to the nearest tick: the next one would make each second one and a half
        if entry.started is None:
            age = now - entry.submitted
            wait, run = self._waits.next_after(age - EARLY), self._runs.next_after(0.0)
            if wait is not None and run is not None and wait + min(run, EARLY) > age:
                return min(entry.submitted + wait + min(run, EARLY) + MARGIN, now + LONGEST)
            return near + min(max(SHARE * age, FIRST), LONGEST)
        lasted = now - entry.started
        expected = self._runs.next_after(lasted)
        if expected is not None:
            return min(entry.started + expected + MARGIN, now + LONGEST)
        return near + min(max(SHARE * lasted, FIRST), max(sweep, FIRST), LONGEST)

    def _put(self, key: str, due: float) -> None:
        entry = self._entries[key]
        entry.due = math.ceil(due / self._tick) * self._tick
        heapq.heappush(self._heap, (entry.due, key))
