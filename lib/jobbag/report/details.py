"""What the report tells of single jobs beyond the state of the run: the end of their output, and where it stands."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from jobbag.bag.job import Job
from jobbag.events.consumers import Consumer
from jobbag.events.events import Absent, Event, LogsWritten, Merged, NotRun, Submitting, Unsent
from jobbag.events.state import RunState

TAILS = {True: 500, False: 2_000}  # jobs of which the end of the output is kept, by whether they succeeded


class Place(NamedTuple):
    """Where the output of a job stands in the merged files: bytes from the start of the .out and of the .err."""

    out: tuple[int, int]
    err: tuple[int, int]


class Details:
    """A consumer of events, which hears each after the state. Other threads may ask it."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._tails: dict[bool, dict[int, tuple[str, ...]]] = {True: {}, False: {}}
        self._places = array("q")  # four numbers a job, once one is known: there may be 100,000
        self.collected: int | None = None  # when the last output came (ms)

    def __call__(self, event: Event) -> None:
        match event:
            case LogsWritten():
                self._forget(event.job)
                self.collected = max(self.collected or 0, event.at)
                succeeded = self._state.of(event.job).succeeded
                if event.tail and len(self._tails[succeeded]) < TAILS[succeeded]:
                    self._tails[succeeded][event.job.number] = event.tail
            case Merged(starts=(out, err)):
                if not self._places:
                    self._places = array("q", [-1]) * (4 * len(self._state.bag.jobs))
                at = 4 * (event.job.number - 1)
                self._places[at : at + 4] = array("q", [out, event.out_size, err, event.err_size])
            case Submitting() | Unsent() | NotRun():
                self._forget(event.job)
            case Absent():
                for job in event.jobs:
                    self._forget(job)

    replay = __call__

    def beside(self, journal: Consumer) -> Consumer:
        """The journal for the merged files, whose events nobody else hears of."""

        def note(event: Event) -> None:
            journal(event)
            if isinstance(event, Merged):
                self(event)

        return note

    def _forget(self, job: Job) -> None:
        for tails in self._tails.values():
            tails.pop(job.number, None)

    def tail(self, job: Job) -> tuple[str, ...]:
        """The last lines of a job's output, if they are kept."""
        number = job.number
        return self._tails[True].get(number) or self._tails[False].get(number) or self._state.of(job).tail

    def place(self, job: Job) -> Place | None:
        """Where a job's output stands in the merged files; None if it is in none, or that is not known."""
        out, out_end, err, err_end = self._places[4 * (job.number - 1) : 4 * job.number] or (-1, -1, -1, -1)
        return None if out < 0 else Place((out, out_end), (err, err_end))
