"""Folds the events of a run: the jobstate log, the log of the tool, the summary and the exit status."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from jobbag.bag import Bag, Job
from jobbag.errors import ExitCode
from jobbag.events import (
    Event,
    LogPlace,
    LogsWritten,
    Lost,
    NotSubmitted,
    Observation,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    WorkerFailed,
    now_ms,
)
from jobbag.records import jobstate_line, summary_record

log = logging.getLogger(__name__)

SHOWN_FAILURES = 20  # jobs whose failure is told one by one


class JobStateLog:
    """A consumer: appends a line for each state that a job is first seen in to `<prefix>.jobstate.log`."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8", errors="replace")

    def __call__(self, event: Event) -> None:
        if isinstance(event, Submitted):
            self._write(event.at, event.job, "SUBMITTED", event.aws_id)
        elif isinstance(event, StateChanged):
            self._write(event.at, event.job, event.observation.status, event.aws_id)

    def _write(self, at: int, job: Job, state: str, aws_id: str) -> None:
        self._file.write(jobstate_line(at, job.name, state, aws_id) + "\n")
        self._file.flush()

    def __enter__(self) -> JobStateLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@dataclass(slots=True)
class _Outcome:
    """What is known of a job so far."""

    aws_id: str = ""
    observation: Observation | None = None
    error: str | None = None  # of AWS or the tool, about this job
    tail: tuple[str, ...] = ()
    note: str | None = None
    finished: bool = False


class Report:
    """A consumer: what became of the run. The exit status follows from what was seen, and is never set."""

    def __init__(self, bag: Bag) -> None:
        self._bag = bag
        self._outcomes = {job.number: _Outcome() for job in bag.jobs}
        self.start = now_ms()
        self.errors: list[str] = []  # of AWS or the tool, about no single job
        self.broken = False  # a worker stopped, so the run cannot go on
        self._unfinished = len(bag.jobs)
        self._sent_files = self._sent_bytes = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Staged):
            log.debug(
                "%s is in S3 as %s%s",
                event.item,
                event.key,
                "" if event.sent else " already, with this content",
            )
            self._sent_files += event.sent
            self._sent_bytes += event.size if event.sent else 0
        elif isinstance(event, StagingFailed):
            self.errors.append(f"input file {event.item} could not be sent: {event.error}")
            log.error("%s", self.errors[-1])
        elif isinstance(event, Submitted):
            self._outcomes[event.job.number].aws_id = event.aws_id
            log.debug("job %s is submitted as %s", event.job.name, event.aws_id)
        elif isinstance(event, StateChanged):
            self._saw(event)
        elif isinstance(event, (NotSubmitted, Lost)):
            self._outcomes[event.job.number].error = str(event.error)
            log.error("job %s: %s", event.job.name, event.error)
        elif isinstance(event, LogsWritten):
            self._finished(event)
        elif isinstance(event, WorkerFailed):
            self.broken = True
            self.errors.append(f"the {event.worker} stopped: {event.error}")
            log.debug("the %s stopped", event.worker, exc_info=event.error)

    def _saw(self, event: StateChanged) -> None:
        self._outcomes[event.job.number].observation = event.observation
        level = logging.INFO if event.observation.ended else logging.DEBUG
        log.log(level, "job %s (%s) is %s", event.job.name, event.aws_id, event.observation.status)

    def _finished(self, event: LogsWritten) -> None:
        outcome = self._outcomes[event.job.number]
        outcome.finished = True
        outcome.note = event.note
        if not _succeeded(outcome):
            outcome.tail = event.tail
        self._unfinished -= 1
        log.debug("job %s: %d lines of output are on disk", event.job.name, event.lines)

    # -- what follows from it

    @property
    def complete(self) -> bool:
        """Whether every job is done and its output on disk."""
        return self._unfinished == 0

    @property
    def succeeded(self) -> int:
        """How many jobs succeeded."""
        return sum(_succeeded(outcome) for outcome in self._outcomes.values())

    @property
    def failed(self) -> int:
        """How many jobs did not succeed, for whatever reason."""
        return len(self._outcomes) - self.succeeded

    @property
    def exit_code(self) -> ExitCode:
        """Folded from all that was seen."""
        if self.errors or any(outcome.error for outcome in self._outcomes.values()) or not self.complete:
            return ExitCode.AWS_ERROR
        return ExitCode.TASK_FAILED if self.failed else ExitCode.OK

    def summary(self) -> str:
        """The record that ends a merged .out file."""
        return summary_record(self.succeeded, self.failed, self.start, now_ms())

    def running(self) -> Iterator[tuple[Job, str]]:
        """Jobs that AWS has and that have not ended, as far as is known, with their AWS ids."""
        for job in self._bag.jobs:
            outcome = self._outcomes[job.number]
            if outcome.aws_id and not (outcome.observation and outcome.observation.ended):
                yield job, outcome.aws_id

    @property
    def unsettled(self) -> bool:
        """Whether a job that AWS has is still to end, or its output to come."""
        return any(outcome.aws_id and not outcome.finished for outcome in self._outcomes.values())

    def log_places(self) -> Iterator[LogPlace]:
        """The log streams whose content is on disk, whole."""
        for outcome in self._outcomes.values():
            if outcome.finished and outcome.note is None and outcome.observation is not None:
                yield outcome.observation.log

    def failures(self) -> Iterator[str]:
        """One line for each job that did not succeed: why, and the end of its log."""
        for job in self._bag.jobs:
            outcome = self._outcomes[job.number]
            if not _succeeded(outcome):
                yield f"job {job.name}{f' ({outcome.aws_id})' if outcome.aws_id else ''}: {_why(outcome)}"

    def headline(self, outputs: str) -> str:
        """The end of the run in one line; `outputs` says where the output is."""
        seconds = (now_ms() - self.start) / 1000
        return (
            f"{len(self._outcomes)} jobs: {self.succeeded} succeeded, {self.failed} failed, in {seconds:.1f} s; "
            f"{self._sent_files} files ({self._sent_bytes} bytes) sent to S3; output in {outputs}"
        )

    def tell_failures(self) -> None:
        """Log which jobs failed and why: the last lines of the log."""
        failures = [*self.errors, *self.failures()]
        for line in failures[:SHOWN_FAILURES]:
            log.error("%s", line)
        if len(failures) > SHOWN_FAILURES:
            log.error("and %d more failures", len(failures) - SHOWN_FAILURES)


def _succeeded(outcome: _Outcome) -> bool:
    return outcome.observation is not None and outcome.observation.status == "SUCCEEDED" and outcome.error is None


def _why(outcome: _Outcome) -> str:
    observation = outcome.observation
    if outcome.error is not None:
        return outcome.error
    if observation is None or not observation.ended:
        return "did not end before the run did" if outcome.aws_id else "was not submitted"
    exit_code = f"exit code {observation.exit_code}" if observation.exit_code is not None else "no exit code"
    reasons = dict.fromkeys(text for text in (observation.status_reason, observation.container_reason) if text)
    tail = f"; its log ends: {' | '.join(outcome.tail[-3:])}" if outcome.tail else ""
    return "; ".join([exit_code, *reasons]) + tail
