"""The files with the output of the jobs; those of which there are two for each job."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from jobbag.bag.job import Job
from jobbag.events.escalation import Escalated
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
from jobbag.events.state import RunState
from jobbag.files import named
from jobbag.logs.part_files import Places


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


def of_jobs_that_are_done(events: list[Event]) -> list[Event]:
    """The events without those of the output of jobs that were sent again since, or will be sent or fetched again."""
    reset: dict[int, int] = {}  # by job: the index of an event that makes all output before it obsolete
    open_: dict[int, set[str]] = {}  # by job: of the two reasons to send it again, those that apply
    for place, event in enumerate(events):
        match event:
            case Submitting(job=job) | NotRun(job=job) | Unsent(job=job) | Escalated(job=job):
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


def is_there(event: LogsWritten) -> bool:
    """Whether the files of an output are there, none of them cut off."""
    share = event.share
    least = (share.start + share.out + share.err,) * 2 if share else event.sizes or (0, 0)
    paths = event.out, event.err
    return all(path.exists() and path.stat().st_size >= size for path, size in zip(paths, least, strict=True))


_OF_ATTEMPT = re.compile(r"(.+)\.(?:out|err)\.([1-9]\d{0,3})", re.DOTALL)  # a file name: the job, which attempt


def attempt_files(job: Job, number: int) -> tuple[Path, Path]:
    """The .out and the .err file of an attempt of a job that was not its last one; the first one is 1."""
    return named(f"{job.name}.out.{number}"), named(f"{job.name}.err.{number}")


def of_no_attempt(state: RunState) -> list[str]:
    """The names of files that look like output of earlier attempts of jobs which had no such attempt in this run.

    Most are of an earlier run; whose they are is not known, so they stay. Raises OSError.
    """
    with os.scandir() as entries:  # a look at each output that there may be would take long on a file server
        found = [match for entry in entries if (match := _OF_ATTEMPT.fullmatch(entry.name))]
    if not found:  # as in most runs: then the names of all files of a large bag are not needed
        return []
    jobs = {named(job.name).name: job for job in state.bag.jobs}
    outcomes = [(match, state.of(jobs[match[1]])) for match in found if match[1] in jobs]
    return sorted(match[0] for match, of in outcomes if of.finished and int(match[2]) > of.attempts_before)


class JobFiles:
    """Outputs in a jobName.out and a jobName.err for each job, in the working directory."""

    def __init__(self, *, records: bool = True) -> None:
        self.records = records

    def __call__(self, event: Event) -> None:
        pass  # the files are in place when the event comes

    def resume(self, events: list[Event]) -> list[Event]:
        return [
            event
            for event in of_jobs_that_are_done(events)
            if not isinstance(event, LogsWritten) or (event.whole and is_there(event))
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
