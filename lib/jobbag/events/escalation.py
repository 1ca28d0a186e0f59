"""The events of jobs that are sent again with more memory, or to another queue; and what is known of their sendings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobbag.bag.job import Job
from jobbag.events.events import Event
from jobbag.events.observation import Attempt, LogPlace, Observation

MEMORY, MACHINE = "memory", "machine"  # why a job is sent again: it had too little; it was lost


@dataclass(frozen=True, slots=True)
class Asks:
    """What a job asks for in the place of what it says itself. None: that."""

    memory: int | None = None  # MiB
    queue: str | None = None  # job queue, by name or ARN


NOTHING = Asks()


@dataclass(frozen=True, slots=True)
class Escalated(Event):
    """The job ended for want of memory, or lost its machine (`cause`), and is sent again, with these `Asks`.

    Until then it has neither succeeded nor failed. `reason` is how AWS told the end.
    """

    job: Job
    aws_id: str
    cause: str
    reason: str
    memory: int | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class NotEscalated(Event):
    """The job ended in such a way and is not sent again, though it has a rule for that; why, in words."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class StartsFrom(Event):
    """What an earlier run had to ask for: the job is sent with that from the beginning."""

    job: Job
    memory: int | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """An earlier sending of a job that has been sent again, which is over."""

    cause: str  # of its end
    token: str | None
    aws_id: str
    queue: str | None
    seen: Observation

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Its attempts; where AWS lists none, the one that is seen."""
        seen = self.seen
        last = Attempt(seen.log.stream, seen.started, seen.stopped, seen.exit_code, seen.reason)
        return seen.attempts or (last,)

    @property
    def logs(self) -> Iterator[tuple[LogPlace, ...]]:
        """Where the output of each of its attempts is."""
        yield from self.seen.earlier_logs
        yield self.seen.logs
