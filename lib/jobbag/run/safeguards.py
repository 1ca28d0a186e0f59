"""How many jobs may be sent (--canary), and whether a run is to halt (--canary, --max-failures, --max-cost)."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.costs import Costs
from jobbag.events.escalation import Escalated
from jobbag.events.events import Absent, Event, Halted, Lost, NotSubmitted, StateChanged, Submitting, Terminated, Unsent
from jobbag.events.observation import now_ms
from jobbag.options.settings import Settings
from jobbag.text import counted
from jobbag.threads import Worker

LOOK = 0.5  # s between two looks at what a run has cost


def failures_allowed(text: str, jobs: int) -> int:
    """How many of so many jobs may fail under a --max-failures of `N` or `P%`."""
    return int(Fraction(text[:-1]) * jobs / 100) if text.endswith("%") else int(text)


def safeguards_of(settings: Settings, jobs: int, since: int, costs: Costs | None = None) -> Safeguards:
    """The safeguards of a run of so many jobs that began at `since` (ms)."""
    allowed = None if settings.max_failures is None else failures_allowed(settings.max_failures, jobs)
    return Safeguards(settings.canary, allowed, bound_of(settings, costs), since=since)


def bound_of(settings: Settings, costs: Costs | None) -> Bound | None:
    """The bound on the cost of a run; None if there is none."""
    return None if settings.max_cost is None or costs is None else Bound(costs, settings.max_cost)


class Bound:
    """What the jobs of a run may cost (--max-cost)."""

    def __init__(self, costs: Costs, most: Decimal) -> None:
        self._costs = costs
        self._most = most
        self._next = 0.0  # when to look again (time.monotonic())

    @property
    def verdict(self) -> str | None:
        """Why the run is to halt; None if it is not, or that was looked at just now."""
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + LOOK
        return self._costs.verdict(self._most, now_ms())


class CostWatch(Worker):
    """Halts a run whose jobs would soon have cost more than they may, as time passes."""

    name = "cost watch"

    def __init__(self, bound: Bound, goes_on: Callable[[], bool], emit: Emit) -> None:
        """`goes_on`: whether there is anything to halt."""
        super().__init__(worker_failed(emit))
        self._bound = bound
        self._goes_on = goes_on
        self._emit = emit

    def work(self) -> None:
        """Look again and again."""
        while not self.stopped.wait(LOOK):
            if (verdict := self._bound.verdict) is not None and self._goes_on():
                self._emit(Halted(verdict))
                return


class Safeguards:
    """A consumer of events that knows whether more jobs may be sent, and whether the run is to halt.

    It depends on the events alone, so it is the same again when a run is taken up.
    """

    def __init__(
        self,
        canary: int | None = None,
        max_failures: int | None = None,
        bound: Bound | None = None,
        *,
        since: int = 0,
    ) -> None:
        """`canary`: jobs to send before one has succeeded; `max_failures`: jobs that may fail; `bound`: on what they
        cost. None: no bound.

        `since`: when the run began (ms). What was before, as before --retry-failed, proves nothing of it.
        """
        self._since = since
        self._canary = canary
        self._max_failures = max_failures
        self._bound = bound
        self._sent: set[int] = set()  # the canaries, by number, but for those terminated before they could succeed
        self._failed: set[int] = set()
        self._terminated: set[int] = set()
        self._proven = False  # of any job

    def __call__(self, event: Event) -> None:
        match event:
            case Submitting(job=job):
                if self.canary:
                    self._sent.add(job.number)
                self._failed.discard(job.number)
                self._terminated.discard(job.number)
            case Unsent(job=job):
                self._sent.discard(job.number)
            case Escalated(job=job):  # it has not failed yet
                self._sent.discard(job.number)
                self._failed.discard(job.number)
            case Absent(jobs=jobs):
                self._sent.difference_update(job.number for job in jobs)
            case NotSubmitted(job=job) | Lost(job=job):
                self._failed.add(job.number)
            case Terminated(job=job):
                self._terminated.add(job.number)
            case StateChanged(job=job, observation=observation) if observation.status == "SUCCEEDED":
                self._proven = True
                self._failed.discard(job.number)  # it was taken for lost, and is there after all
            case StateChanged(job=job, observation=observation) if observation.ended:
                if job.number in self._terminated:
                    self._sent.discard(job.number)
                else:
                    self._failed.add(job.number)

    def replay(self, event: Event) -> None:
        """What an earlier start of the run did counts as what happens now."""
        if event.at >= self._since:
            self(event)

    def admits(self, wanted: int) -> int:
        """How many of `wanted` jobs may be sent now."""
        if self._canary is None or self._proven:
            return wanted
        return max(0, min(wanted, self._canary - len(self._sent)))

    def awaits(self) -> str | None:
        """What has to happen before more jobs are sent, in words; None if nothing has. Any thread may ask."""
        if self._canary is None or self._proven or len(self._sent) < self._canary:
            return None
        return f"one of the {counted(len(self._sent), 'job')} of --canary to succeed"

    @property
    def canary(self) -> int:
        """How many of the jobs that are to be sent must be sent first, one by one, as the canary."""
        return 0 if self._canary is None or self._proven else self._canary

    @property
    def verdict(self) -> str | None:
        """Why the run is to halt; None if it is not."""
        if self._max_failures is not None and len(self._failed) > self._max_failures:
            return f"{counted(len(self._failed), 'job')} failed, and --max-failures allows {self._max_failures}"
        if self._bound is not None and (verdict := self._bound.verdict) is not None:
            return verdict
        if self._canary is None or self._proven or len(self._sent) < self._canary or not self._sent <= self._failed:
            return None
        return f"none of the {counted(len(self._sent), 'job')} of --canary succeeded"
