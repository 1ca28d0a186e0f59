"""How far a run is: its events, folded into what a person wants to know while it lasts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rich.filesize import decimal

from jobbag.bag.job import Bag, Job, JobNumbers
from jobbag.display.estimate import RUNNING, TO_SEND, WAITING, Rate, Speed, remaining
from jobbag.events.escalation import Escalated
from jobbag.events.events import (
    Event,
    Halted,
    LogsWritten,
    Lost,
    Made,
    Making,
    NotRun,
    NotSubmitted,
    Signalled,
    Staged,
    StagingBegun,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    TakingDown,
    Unsent,
    Uploading,
)
from jobbag.events.observation import ENDED, STATES, now_ms
from jobbag.events.outcome import Verdict
from jobbag.events.results import ResultFetched
from jobbag.text import about, clock, counted


@dataclass(frozen=True)
class Snapshot:
    """How far a run is at one moment. The properties are its parts in words."""

    jobs: Mapping[str, int]  # how many are in each state, in the order of the states; none that is empty
    files: tuple[int, int] = (0, 0)  # input files in S3, and all that are to be there
    size: tuple[int, int] = (0, 0)  # bytes of the same
    rate: float | None = None  # bytes sent a second; None: nothing is sent, or it is not known
    elapsed: float = 0.0  # s
    left: float | None = None  # s until the last job ends, an estimate; None: not known
    waits_for: str = ""  # what the run waits for or does, beside its jobs in AWS Batch, in words
    cost: str | None = None  # so far, in words; None: no price is known
    over: bool = False  # nobody is at work any more
    changes: int = 0  # grows with each event
    others: Mapping[Verdict, int] = field(default_factory=dict)  # what became of the jobs that did not succeed

    @property
    def total(self) -> int:
        """All jobs."""
        return sum(self.jobs.values())

    @property
    def ended(self) -> int:
        """The jobs that have ended, well or not."""
        return sum(self.jobs.get(state, 0) for state in ENDED)

    @property
    def done_in_words(self) -> list[str]:
        """How many jobs are done, and what became of those of them that did not succeed."""
        done = f"{self.ended:,} of {counted(self.total, 'job')} done"
        return [done, *(f"{number:,} {verdict.value}" for verdict, number in self.others.items())]

    @property
    def time_in_words(self) -> list[str]:
        """Time elapsed, and left; and the cost, which grows with it."""
        times = [f"{clock(self.elapsed)} elapsed"]
        if not self.over and self.ended != self.total:
            times.append("time left unknown" if self.left is None else f"{about(self.left)} left")
        return [*times, self.cost] if self.cost else times

    @property
    def states_in_words(self) -> list[str]:
        """How many jobs are in each state."""
        return [f"{number:,} {state}" for state, number in self.jobs.items()]

    @property
    def under_way_in_words(self) -> list[str]:
        """How many of those that have not ended are in each state."""
        return [f"{number:,} {state}" for state, number in self.jobs.items() if state not in ENDED]

    @property
    def files_in_words(self) -> list[str]:
        """How many of the input files are there; nothing if there are none."""
        (there, every), (done, size) = self.files, self.size
        if not every:
            return []
        parts = [f"{there:,} of {every:,} in S3"]
        parts.append(decimal(size) if done >= size else f"{decimal(done)} of {decimal(size)}")
        return parts if self.rate is None else [*parts, f"{decimal(round(self.rate))}/s"]

    @property
    def jobs_awaited(self) -> str:
        """The jobs in AWS Batch that are waited for; nothing if there are none."""
        awaited = [(self.jobs[state], state) for state in (*WAITING, *RUNNING) if state in self.jobs]
        also = "".join(f", {number:,} in {state}" for number, state in awaited[1:])
        return f"waiting for {counted(awaited[0][0], 'job')} in {awaited[0][1]}{also}" if awaited else ""

    def __str__(self) -> str:
        done, states, times, files = map(
            ", ".join, (self.done_in_words, self.states_in_words, self.time_in_words, self.files_in_words)
        )
        parts = (done, states, files and f"files: {files}", times, self.waits_for, self.jobs_awaited)
        return "; ".join(filter(None, parts))


class Progress:
    """A consumer of events; any thread may ask it for a snapshot."""

    def __init__(
        self,
        bag: Bag,
        start: int,
        delayed: Callable[[], str | None],
        awaited: Callable[[], str | None] = lambda: None,
        verdict: Callable[[Job], Verdict] = lambda _: Verdict.FAILED,
        cost: Callable[[int], str | None] = lambda _: None,
    ) -> None:
        """`start`: when the run began (ms since the epoch). `verdict` is asked of jobs that did not succeed.

        `delayed` gives the trouble for which calls are tried again, `awaited` what has to happen before more jobs are
        sent, `cost` what the jobs have cost up to a time (ms); None: nothing.
        """
        self._lock = threading.Lock()
        self._start = start
        self._delayed = delayed
        self._awaited = awaited
        self._verdict = verdict
        self._cost = cost
        self._others: dict[int, Verdict] = {}  # of jobs that did not succeed, by number
        self._states = [TO_SEND for _ in bag.jobs]  # in the order of their numbers, from 1
        self._counts = Counter({TO_SEND: len(bag.jobs)})
        self._finished = JobNumbers(len(bag.jobs))  # of those whose output is on disk
        self._uploads = _Uploads()
        self._results = 0  # files that this start has fetched
        self._speed = Speed()
        self._beside: str | None = None  # what the run does for its entities, in words
        self._stopping = False
        self._changes = 0

    def replay(self, event: Event) -> None:
        """Take over where an earlier start has brought the jobs."""
        match event:
            case StateChanged(job=job, observation=seen):
                self._move(job, seen.status)
                self._speed.saw(event)
            case LogsWritten(job=job):
                self._finished.add(job.number)
            case Submitting(job=job) | Unsent(job=job) | Escalated(job=job):
                self._move(job, TO_SEND)
                self._finished.discard(job.number)
            case Submitted(job=job):
                self._move(job, STATES[0])
            case NotSubmitted(job=job) | NotRun(job=job) | Lost(job=job):
                self._move(job, ENDED[1])

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._changes += 1
            self.replay(event)
            self._uploads.saw(event)
            self._results += isinstance(event, ResultFetched)
            self._beside = _beside(event)
            if isinstance(event, Submitted):
                self._speed.sent(event.at)
            elif isinstance(event, (Signalled, Halted)):
                self._stopping = True

    def _move(self, job: Job, state: str) -> None:
        self._counts[self._states[job.number - 1]] -= 1
        self._counts[state] += 1
        self._states[job.number - 1] = state
        if state == ENDED[1]:
            self._others[job.number] = self._verdict(job)
        else:
            self._others.pop(job.number, None)

    def snapshot(self, at: int | None = None) -> Snapshot:
        """How far the run is now, or was `at` that time (ms since the epoch), if nothing has happened since."""
        now, delayed = now_ms() if at is None else at, self._delayed()
        cost = self._cost(now)
        with self._lock:
            uploads = self._uploads
            rate = uploads.rate(now)
            others = Counter(self._others.values())
            jobs = {state: self._counts[state] for state in (TO_SEND, *STATES) if self._counts[state]}
            return Snapshot(
                jobs=jobs,
                others={one: others[one] for one in Verdict if others[one]},
                files=(uploads.done, uploads.files),
                size=(uploads.size_done, uploads.size),
                rate=rate if uploads.left else None,
                elapsed=(now - self._start) / 1000,
                left=remaining(self._speed.known(jobs, now, uploads.seconds_left(rate))),
                waits_for="; ".join(self._waits(jobs, delayed)),
                cost=cost,
                changes=self._changes,
            )

    def _waits(self, jobs: Mapping[str, int], delayed: str | None) -> Iterator[str]:
        if delayed:
            yield f"waiting out {delayed}"
        if self._beside:
            yield self._beside
            return
        if self._stopping:
            yield "stopping"
        elif self._uploads.left:
            yield f"sending {counted(self._uploads.left, 'file')}"
        elif TO_SEND in jobs:
            first = self._awaited()
            yield f"waiting for {first}" if first else f"submitting {counted(jobs[TO_SEND], 'job')}"
        if any(state in jobs for state in (*WAITING, *RUNNING)):
            return
        logs = sum(jobs.get(state, 0) for state in ENDED) - len(self._finished)
        if logs:
            yield f"waiting for the logs of {counted(logs, 'job')}"
        elif self._results:
            yield f"fetching results: {counted(self._results, 'file')} here"


def _beside(event: Event) -> str | None:
    """What the run does for its entities after this event, in words; None if nothing."""
    match event:
        case Making(kind=kind, name=name):
            return f"creating the {kind.replace('-', ' ')} {name}"
        case Made(kind="compute-environment" | "job-queue" as kind, name=name):
            return f"waiting for the {kind.replace('-', ' ')} {name} to be ready"
        case TakingDown(what=what):
            return f"deleting the {', the '.join(what)}"
    return None


class _Uploads:
    """The input files on their way to S3."""

    def __init__(self) -> None:
        self.files = self.done = self._failed = 0
        self.size = self._size_there = 0  # bytes
        self._size_sent = 0  # bytes of the files that are there and were not before
        self._under_way: dict[str, int] = {}  # bytes sent, by file
        self._rate = Rate()

    def saw(self, event: Event) -> None:
        match event:
            case Uploading(item=item, sent=sent):
                self._under_way[item] = sent
            case Staged(item=item, size=size, sent=sent):
                self._under_way.pop(item, None)
                self.done += 1
                self._size_there += size
                self._size_sent += size if sent else 0
            case StagingFailed(item=item):
                self._under_way.pop(item, None)
                self._failed += 1
            case StagingBegun(files=files, size=size):
                self.files += files
                self.size += size

    @property
    def left(self) -> int:
        return self.files - self.done - self._failed

    @property
    def size_done(self) -> int:
        return self._size_there + sum(self._under_way.values())

    def rate(self, now: int) -> float | None:
        return self._rate.at(now, self._size_sent + sum(self._under_way.values()))

    def seconds_left(self, rate: float | None) -> float | None:
        if not self.left:
            return 0.0
        return max(self.size - self.size_done, 0) / rate if rate else None
