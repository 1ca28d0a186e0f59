"""A run as its journal tells of it, which may go on meanwhile, whatever has become of its bag since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jobbag.bag.job import Bag, Job
from jobbag.errors import InputError
from jobbag.events import journal
from jobbag.events.events import Event, Finished, JobsWaiting, LogsWritten, Merged, Submitting, Unsent
from jobbag.events.journal import Header
from jobbag.events.state import RunState
from jobbag.events.tail import Tail
from jobbag.run.task import digest_of


class Recorded:
    """The run in a journal, whose lock is not needed."""

    def __init__(self, path: Path, now: Bag | None = None) -> None:
        """`now` is the bag of today, if there is one. Raises InputError where the journal tells of no run."""
        self.path = path
        none = f"no run that is called {path.stem} has begun in this directory"
        try:
            self._tail = Tail(path)
            past = journal.read(path)
            if past is None:
                raise InputError.of(str(path), f"has no first line yet, or is no journal: {none}")
        except FileNotFoundError:
            raise InputError.of(str(path), f"there is no such journal: {none}") from None
        except OSError as error:
            raise InputError.of(str(path), f"cannot read the journal: {error.strerror}") from None
        self._past = past
        self.bag = bag_of(past.header, now)
        self._jobs: Mapping[int, Job] = {job.number: job for job in self.bag.jobs}
        self.state = RunState(self.bag, past.header.started)
        self.last = past.header.started  # when it was written to (ms)
        self.finished: int | None = None  # the exit status
        self.waiting: dict[str, JobsWaiting] = {}  # why jobs do not start, by queue
        self.written: dict[int, LogsWritten] = {}  # where the output of jobs is, by number
        self.merged: dict[int, Merged] = {}  # and where in the merged files

    @property
    def header(self) -> Header:
        """The first line."""
        return self._past.header

    @property
    def is_local(self) -> bool:
        """Whether its jobs run on the embedded AWS, and so end with it."""
        return bool(self.header.options.get("--local"))

    @property
    def may_run(self) -> int:
        """How many jobs AWS has, or may have, that are not known to have ended."""
        return sum(1 for _ in self.state.running()) + sum(1 for _ in self.state.in_doubt())

    def is_another(self) -> bool:
        """Whether another run has begun in this journal. Raises OSError."""
        return self._tail.is_another()

    def read_on(self) -> list[Event]:
        """What happened since the last call, or since the run began. Raises InputError where it cannot be read."""
        try:
            lines = self._tail.lines()
        except OSError as error:
            raise InputError.of(str(self.path), f"cannot read the journal: {error.strerror}") from None
        found = list(replace(self._past, lines=lines).events(self._jobs))
        for event in found:
            self.state(event)
            self.last = max(self.last, event.at)
            match event:
                case Finished():
                    self.finished = event.exit_code
                case JobsWaiting():
                    self.waiting[event.queue] = event
                case LogsWritten():
                    self.written[event.job.number] = event
                    self.merged.pop(event.job.number, None)
                case Merged():
                    self.merged[event.job.number] = event
                case Submitting() | Unsent():
                    self.written.pop(event.job.number, None)
        return found


def bag_of(header: Header, now: Bag | None) -> Bag:
    """The jobs of a run by the numbers that its journal has for them.

    Of those that are not in the bag of today as they were then, nothing but the name is known.
    """
    known = {job.name: job for job in now.jobs} if now is not None else {}
    jobs = (_as_it_was(number, name, header, known.get(name)) for number, name in enumerate(header.jobs, 1))
    return Bag(tuple(jobs), now.common if now is not None else ())


def _as_it_was(number: int, name: str, header: Header, now: Job | None) -> Job:
    if now is not None and digest_of(now) == header.jobs[name]:
        return replace(now, number=number)
    return Job(number, name, "", (), {}, (), {}, Path())
