"""How fast a run goes, and how long it will still take."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from jobbag.events.events import StateChanged
from jobbag.events.observation import STATES

TO_SEND = "to send"  # the state of a job that AWS Batch does not have yet
WAITING, RUNNING = STATES[:3], STATES[3:5]
WINDOW = 10.0  # s over which the rate of the uploads is taken


@dataclass(frozen=True, slots=True)
class Known:
    """What a run has shown so far. Times are seconds, rates are per second."""

    to_send: int = 0  # jobs that AWS Batch does not have yet
    waiting: int = 0  # it has them, and they have not started
    running: int = 0
    upload_left: float | None = 0.0  # until the last input file is in S3; None: not known
    sent_rate: float = 0.0  # jobs submitted
    ended: int = 0  # jobs whose run time is known; the figures below are theirs
    mean_run: float = 0.0
    longest_run: float = 0.0
    shortest_wait: float = 0.0  # from a job's submission to its start
    span: float = 0.0  # from the first start of a job to the last end of one
    youngest: float = 0.0  # since the latest start of a job was seen


def remaining(known: Known) -> float | None:
    """Seconds until the last job ends; None as long as that cannot be estimated.

    It is the longer one of two times. The last job must be sent, start and run: that decides where AWS has room for
    every job. And all waiting jobs must run, as many at once as were seen to run so far.
    """
    to_start = known.to_send + known.waiting
    if not to_start + known.running:
        return 0.0
    if not known.ended:
        return None
    if not to_start:
        left = known.longest_run - known.youngest
        return left if left > 0 else None  # the last ones run longer than any before
    last_sent = 0.0
    if known.to_send:
        if known.upload_left is None or not known.sent_rate:
            return None
        last_sent = max(known.to_send / known.sent_rate, known.upload_left)
    at_once = max(known.running, known.ended * known.mean_run / known.span if known.span else 1.0)
    turns = to_start * known.mean_run / at_once if at_once else 0.0
    return max(last_sent + known.shortest_wait + known.longest_run, turns + known.mean_run / 2)


class Speed:
    """Gathers how fast jobs are sent, start and run."""

    def __init__(self) -> None:
        self._sent = self._first_sent = 0
        self._last_start_seen = 0
        self._ended = self._total = self._longest = 0  # of the run times (ms)
        self._shortest_wait: int | None = None
        self._first_start: int | None = None
        self._last_end = 0

    def sent(self, at: int) -> None:
        """Note that this start of the command submitted a job, at a time in ms since the epoch."""
        self._sent += 1
        self._first_sent = self._first_sent or at

    def saw(self, event: StateChanged) -> None:
        """Note that a job was seen in a state."""
        seen = event.observation
        if seen.status in RUNNING:
            self._last_start_seen = event.at
        if not (seen.ended and seen.started and seen.stopped):
            return
        run = max(seen.stopped - seen.started, 0)
        self._ended += 1
        self._total += run
        self._longest = max(self._longest, run)
        self._last_end = max(self._last_end, seen.stopped)
        self._first_start = min(self._first_start or seen.started, seen.started)
        if seen.created:
            wait = max(seen.started - seen.created, 0)
            self._shortest_wait = wait if self._shortest_wait is None else min(self._shortest_wait, wait)

    def known(self, jobs: Mapping[str, int], now: int, upload_left: float | None) -> Known:
        """What is known `now` (ms since the epoch) with so many `jobs` in each state; `upload_left` as in Known."""
        sending = (now - self._first_sent) / 1000
        return Known(
            to_send=jobs.get(TO_SEND, 0),
            waiting=sum(jobs.get(state, 0) for state in WAITING),
            running=sum(jobs.get(state, 0) for state in RUNNING),
            upload_left=upload_left,
            sent_rate=self._sent / sending if self._sent and sending > 0 else 0.0,
            ended=self._ended,
            mean_run=self._total / self._ended / 1000 if self._ended else 0.0,
            longest_run=self._longest / 1000,
            shortest_wait=(self._shortest_wait or 0) / 1000,
            span=(self._last_end - (self._first_start or 0)) / 1000,
            youngest=(now - self._last_start_seen) / 1000,
        )


class Rate:
    """How much a count grows in a second, over the last WINDOW seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()  # time (ms), count until then

    def at(self, now: int, count: int) -> float | None:
        """The rate (per second), when the count is `count` at the time `now` (ms); None at the first call."""
        self._seen.append((now, count))
        while len(self._seen) > 2 and self._seen[0][0] < now - WINDOW * 1000:
            self._seen.popleft()
        since, before = self._seen[0]
        return max(count - before, 0) / (now - since) * 1000 if now > since else None
