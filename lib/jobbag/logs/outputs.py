"""The files with the output of the jobs: two for each job, or two for all, merged in the order of the bag."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path
from typing import BinaryIO, Protocol

from jobbag.bag.job import Bag, Job
from jobbag.events.events import (
    Event,
    Halted,
    LogsWritten,
    Lost,
    Merged,
    NotRun,
    NotSubmitted,
    StateChanged,
    Submitting,
    Terminated,
    Unsent,
)
from jobbag.files import beside, named, put_in_place
from jobbag.logs.part_files import Places

_PART = re.compile(r"(\d+)\.(out|err|\d+\.jobs)(\.part)?")  # what stands in the directory of parts, by job number


class Outputs(Places, Protocol):
    """The output files of a run: a consumer of events, which also tells the log fetcher where to write."""

    def __call__(self, event: Event) -> None: ...

    def resume(self, events: list[Event]) -> list[Event]:
        """Go on with the files that an earlier start left.

        Gives its events without those that say of files that they are whole, though they are not there.
        """

    def results(self, job: Job) -> tuple[Path, Path]:
        """The .out and the .err file that have the job's output when the run has ended."""

    def prepare(self) -> None:
        """Open or make what is needed to write. Raises OSError."""

    def finish(self, summary: Callable[[], str]) -> None:
        """Put merged files in their places: no more output comes. `summary` gives the record at the end of the .out."""

    def close(self) -> None:
        """Remove what only an unfinished run needs: the run has reached its end."""

    @property
    def description(self) -> str:
        """For people: where the outputs are."""


def _of_jobs_that_are_done(events: list[Event]) -> list[Event]:
    """The events without those of the output of jobs that were sent again since, or will be sent or fetched again."""
    reset: dict[int, int] = {}  # by job: the index of an event that makes all output before it obsolete
    open_: dict[int, set[str]] = {}  # by job: of the two reasons to send it again, those that apply
    for place, event in enumerate(events):
        match event:
            case Submitting(job=job) | NotRun(job=job) | Unsent(job=job):
                reset[job.number] = place
                open_[job.number] = set()
            case NotSubmitted(job=job) | Lost(job=job):
                open_.setdefault(job.number, set()).update(("terminated", "failed"))
            case Terminated(job=job):
                open_.setdefault(job.number, set()).add("terminated")
            case StateChanged(job=job, observation=observation) if observation.ended:
                open_.setdefault(job.number, set()).discard("failed")
                if observation.status == "FAILED":
                    open_[job.number].add("failed")
    again = {number for number, against in open_.items() if against == {"terminated", "failed"}}
    if any(isinstance(event, Halted) for event in events):
        again = set()  # nothing is sent again
    return [
        event
        for place, event in enumerate(events)
        if not isinstance(event, (LogsWritten, Merged))
        or (event.job.number not in again and place > reset.get(event.job.number, -1))
    ]


def _content(events: list[Event]) -> list[Merged]:
    """What is in the merged files, in order. Where the size goes down, a start has cut them off."""
    content: list[Merged] = []
    for event in events:
        if isinstance(event, Merged):
            while content and content[-1].out_size >= event.out_size:
                content.pop()
            content.append(event)
    return content


class JobFiles:
    """Outputs in a jobName.out and a jobName.err for each job, in the working directory."""

    def __call__(self, event: Event) -> None:
        pass  # the files are in place when the event comes

    def resume(self, events: list[Event]) -> list[Event]:
        return [
            event
            for event in _of_jobs_that_are_done(events)
            if not isinstance(event, LogsWritten) or (event.whole and event.out.exists() and event.err.exists())
        ]

    def paths(self, job: Job) -> tuple[Path, Path]:
        return named(f"{job.name}.out"), named(f"{job.name}.err")

    def shared(self, job: Job) -> None:
        del job

    def results(self, job: Job) -> tuple[Path, Path]:
        return Path(f"{job.name}.out"), Path(
            f"{job.name}.err"
        )  # names for people, not in the encoding of the file system

    def prepare(self) -> None:
        pass

    def finish(self, summary: Callable[[], str]) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def description(self) -> str:
        return f"{Path.cwd()}/<job name>.out and .err"


class MergedFiles:
    """Outputs of all jobs in PREFIX.out and PREFIX.err, in the order of the submit files.

    The output of a job stays in a directory, PREFIX.parts, until that of all jobs before it is there. The merged
    files appear by rename, whole: HTCondor may have the old ones open for what the tool itself prints.
    """

    def __init__(self, prefix: Path, bag: Bag, note: Callable[[Event], None], *, keep_parts: bool = False) -> None:
        """`note` writes to the journal that a job's output is merged.

        `keep_parts`: the parts stay until `close`, as they take the place of log streams that are deleted.
        """
        self._targets = [prefix.with_name(f"{prefix.name}.{ending}") for ending in ("out", "err")]
        self._parts = prefix.with_name(f"{prefix.name}.parts")
        self._order = [job.number for job in bag.jobs]
        self._next = 0  # the index in the order of the next job to append
        self._done: dict[int, LogsWritten] = {}
        self._used: Counter[Path] = Counter()  # by shared file: how many of its jobs are merged
        self._files: list[BinaryIO] = []
        self._note = note
        self._keep_parts = keep_parts

    def paths(self, job: Job) -> tuple[Path, Path]:
        return self._parts / f"{job.number}.out", self._parts / f"{job.number}.err"

    def shared(self, job: Job) -> Path:
        return next(path for n in count() if not (path := self._parts / f"{job.number}.{n}.jobs").exists())

    def results(self, job: Job) -> tuple[Path, Path]:
        del job
        return self._targets[0], self._targets[1]

    def resume(self, events: list[Event]) -> list[Event]:
        """What is in the unfinished merged files stays there, and what waits in the parts goes on waiting."""
        content = [] if self._keep_parts else _content(events)
        events = _of_jobs_that_are_done(events)
        done = {event.job.number for event in events if isinstance(event, Merged)}
        pairs = zip(content, self._order, strict=False)
        kept = list(takewhile(lambda pair: pair[0].job.number == pair[1] and pair[1] in done, pairs))
        sizes = [kept[-1][0].out_size, kept[-1][0].err_size] if kept else [0, 0]
        unfinished = [beside(target) for target in self._targets]
        if not all(path.exists() and path.stat().st_size >= size for path, size in zip(unfinished, sizes, strict=True)):
            kept, sizes = [], [0, 0]
        for path, size in zip(unfinished, sizes, strict=True):
            if path.exists():
                os.truncate(path, size)
        self._next = len(kept)
        safe = {number for _, number in kept}
        return [event for event in events if not isinstance(event, LogsWritten) or self._is_safe(event, safe)]

    def _is_safe(self, event: LogsWritten, merged: set[int]) -> bool:
        if event.job.number in merged:
            self._is_used(event)  # in case the start was killed just before it did this
            return True
        if not (event.whole and event.out.exists() and event.err.exists()):
            return False
        if event.share and event.out.stat().st_size < event.share.start + event.share.out + event.share.err:
            return False
        self._done[event.job.number] = event
        return True

    def prepare(self) -> None:
        """Make the directory of parts, and the files that become the merged ones."""
        self._parts.mkdir(exist_ok=True)
        self._files = [beside(target).open("ab") for target in self._targets]
        self._merge()

    def __call__(self, event: Event) -> None:
        if isinstance(event, LogsWritten):
            self._done[event.job.number] = event
            self._merge()

    def _merge(self) -> None:
        while self._next < len(self._order) and self._order[self._next] in self._done:
            self._append(self._done.pop(self._order[self._next]))
            self._next += 1

    def _append(self, written: LogsWritten) -> None:
        out, err = self._files
        if written.share is None:
            for part, merged in ((written.out, out), (written.err, err)):
                with part.open("rb") as file:
                    shutil.copyfileobj(file, merged, 1024 * 1024)
        else:
            with written.out.open("rb") as file:
                file.seek(written.share.start)
                out.write(file.read(written.share.out))
                err.write(file.read(written.share.err))
        for merged in self._files:
            merged.flush()
        self._note(Merged(written.job, *(file.tell() for file in self._files)))
        if not self._keep_parts:
            self._is_used(written)

    def _is_used(self, written: LogsWritten) -> None:
        """Remove the part of a job whose output is in the merged files, unless other jobs need it."""
        self._used[written.out] += 1
        if written.share is None or self._used[written.out] == written.share.jobs:
            for part in {written.out, written.err}:
                part.unlink(missing_ok=True)

    def finish(self, summary: Callable[[], str]) -> None:
        for number in [number for number in self._order if number in self._done]:  # not all, if cut short
            self._append(self._done.pop(number))
        self._files[0].write(summary().encode() + b"\n")
        for file, target in zip(self._files, self._targets, strict=True):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            put_in_place(target)
        if not self._keep_parts:
            self.close()

    def close(self) -> None:
        ours = set(map(str, self._order))
        if self._parts.is_dir():
            for path in self._parts.iterdir():
                found = _PART.fullmatch(path.name)
                if found and found[1] in ours:
                    path.unlink()
        with suppress(OSError):  # gone, or not empty: what is in it is not of this run
            self._parts.rmdir()

    @property
    def description(self) -> str:
        return f"{self._targets[0]} and {self._targets[1]}"
