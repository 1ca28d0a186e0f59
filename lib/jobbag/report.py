"""Folds the events of a run: what became of each job, and the exit status."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jobbag.bag import Bag, Job
from jobbag.errors import ExitCode
from jobbag.events import (
    Event,
    Halted,
    LogPlace,
    LogsWritten,
    Lost,
    NotRun,
    NotSubmitted,
    Observation,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    Terminated,
    WorkerFailed,
    now_ms,
)
from jobbag.logfile import ToolLog
from jobbag.records import summary_record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What the command ends with: its exit status, and what it says on stdout and on stderr."""

    exit_code: ExitCode
    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def untold(self, tool_log: ToolLog) -> Result:
        """The result without the lines that the log has just shown on the terminal."""
        return replace(self, lines=()) if tool_log.shows_result else self


SHOWN_FAILURES = 20  # jobs whose failure is told one by one


@dataclass(slots=True)
class Outcome:
    """What is known of a job so far."""

    token: str | None = None  # the job may have been sent with it
    aws_id: str = ""
    observation: Observation | None = None
    error: str | None = None  # of AWS or the tool, about this job
    tail: tuple[str, ...] = ()
    note: str | None = None
    finished: bool = False  # its output is on disk, all that there will be
    whole: bool = True  # false: its log could not be fetched
    terminated: bool = False  # by us, when the run was stopped or halted
    withheld: bool = False  # it is not sent, because the run is halted

    @property
    def succeeded(self) -> bool:
        """Whether AWS says so."""
        return self.observation is not None and self.observation.status == "SUCCEEDED" and self.error is None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more in AWS."""
        return self.observation is not None and self.observation.ended

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it but its output."""
        return self.ended or self.withheld or (self.error is not None and not self.aws_id)

    @property
    def is_running(self) -> bool:
        """Whether its container was seen to start."""
        return self.observation is not None and self.observation.status in ("STARTING", "RUNNING")

    @property
    def not_run(self) -> bool:
        """Whether we kept it from running: it was withheld, or terminated before it started."""
        seen = self.observation
        never_started = seen is not None and seen.status == "FAILED" and seen.started is None and not seen.attempts
        return self.withheld or (self.terminated and never_started)

    @property
    def to_repeat(self) -> bool:
        """Whether the job never got the chance to end by itself, so that a new start sends it again."""
        return (self.error is not None and not self.aws_id) or (self.terminated and self.ended and not self.succeeded)


class Report:
    """A consumer: what became of the run. The exit status follows from what was seen, and is never set."""

    def __init__(self, bag: Bag, start: int) -> None:
        """`start`: when the run began (ms)."""
        self._bag = bag
        self._outcomes = {job.number: Outcome() for job in bag.jobs}
        self.start = start
        self.errors: list[str] = []  # of AWS or the tool, about no single job
        self.broken = False  # a worker stopped, so the run cannot go on
        self.halted: str | None = None  # why, if the run is
        self._unfinished = len(bag.jobs)
        self._sent_files = self._sent_bytes = 0

    def __call__(self, event: Event) -> None:
        match event:
            case Staged(sent=True):
                self._sent_files += 1
                self._sent_bytes += event.size
            case StagingFailed():
                self.errors.append(str(event.error))
            case Submitting():
                self._reset(event.job).token = event.token
            case Submitted():
                self.of(event.job).aws_id = event.aws_id
            case StateChanged():
                self.of(event.job).observation = event.observation
                self.of(event.job).error = None  # it was given up, and is there after all
            case NotSubmitted() | Lost():
                self.of(event.job).error = str(event.error)
            case NotRun():
                self._reset(event.job).withheld = True
            case LogsWritten():
                self._finished(event)
            case Halted():
                self.halted = event.reason
            case Terminated():
                self.of(event.job).terminated = True
            case WorkerFailed():
                self.broken = True
                self.errors.append(f"the {event.worker} stopped: {event.error}")

    def of(self, job: Job) -> Outcome:
        """What is known of a job."""
        return self._outcomes[job.number]

    def _reset(self, job: Job) -> Outcome:
        """The job is sent anew, or never again: what was known of it holds no more."""
        self._unfinished += self.of(job).finished
        self._outcomes[job.number] = Outcome()
        return self._outcomes[job.number]

    def _finished(self, event: LogsWritten) -> None:
        outcome = self.of(event.job)
        self._unfinished -= not outcome.finished
        outcome.finished, outcome.note, outcome.whole = True, event.note, event.whole
        if not outcome.succeeded:
            outcome.tail = event.tail

    # -- what follows from it

    @property
    def complete(self) -> bool:
        """Whether every job is done and its output on disk."""
        return self._unfinished == 0

    @property
    def all_logs_whole(self) -> bool:
        """Whether no log is left that a new start could still fetch."""
        return all(outcome.whole for outcome in self._outcomes.values())

    @property
    def succeeded(self) -> int:
        """How many jobs succeeded."""
        return sum(outcome.succeeded for outcome in self._outcomes.values())

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

    @property
    def not_run(self) -> int:
        """How many of the failed jobs we kept from running."""
        return sum(outcome.not_run for outcome in self._outcomes.values())

    def is_to_send(self, job: Job) -> bool:
        """Whether the job was never sent, or is to be sent again."""
        outcome = self.of(job)
        if self.halted is not None:
            return outcome.token is None and outcome.error is None and not outcome.withheld
        return outcome.token is None or outcome.to_repeat

    def why_no_log(self, job: Job) -> str | None:
        """Why a job that is over has no log to read, if it is the run that knows."""
        outcome = self.of(job)
        if self.halted is not None and outcome.not_run:
            return f"not run: {self.halted}"
        if outcome.error is not None and not outcome.aws_id:
            return f"it was not submitted: {outcome.error}"
        return outcome.error

    def remark(self, job: Job) -> str | None:
        """What the .err of a job that ran is to say: that the halt of the run ended it."""
        outcome = self.of(job)
        ended_by_halt = self.halted is not None and outcome.terminated and not outcome.succeeded
        return f"terminated: {self.halted}" if ended_by_halt and not outcome.not_run else None

    @property
    def has_to_send(self) -> bool:
        """Whether a job may still have to be sent, or looked for by its token."""
        if self.halted is not None:
            return any(self.in_doubt())
        outcomes = self._outcomes.values()
        return any(not one.aws_id or one.to_repeat or (one.terminated and not one.ended) for one in outcomes)

    def progress(self) -> str:
        """How far the run is, in a few words."""
        outcomes = self._outcomes.values()
        submitted = sum(bool(outcome.aws_id) for outcome in outcomes)
        ended = sum(outcome.ended for outcome in outcomes)
        return f"of {len(outcomes)} jobs, {submitted} are submitted, {ended} of them have ended"

    def running(self) -> Iterator[tuple[Job, str]]:
        """Jobs that AWS has and that have not ended, as far as is known, with their AWS ids."""
        for job in self._bag.jobs:
            outcome = self._outcomes[job.number]
            if outcome.aws_id and not outcome.ended:
                yield job, outcome.aws_id

    def in_doubt(self) -> Iterator[Job]:
        """Jobs that AWS may have or not: they were to be sent, and nothing is known of it."""
        for job in self._bag.jobs:
            outcome = self._outcomes[job.number]
            if outcome.token is not None and not outcome.aws_id and outcome.error is None:
                yield job

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
        """One line for each job that did not succeed: why, and the end of its log. One for all that a halt kept
        from running."""
        if self.halted is not None:
            yield f"halted: {self.halted}; {_counted(self.not_run, 'job')} not run"
        for job in self._bag.jobs:
            outcome = self._outcomes[job.number]
            if not outcome.succeeded and not (self.halted is not None and outcome.not_run):
                yield f"job {job.name}{f' ({outcome.aws_id})' if outcome.aws_id else ''}: {_why(outcome)}"

    def headline(self, outputs: str) -> str:
        """The end of the run in one line; `outputs` says where the output is."""
        seconds = (now_ms() - self.start) / 1000
        not_run = self.not_run if self.halted is not None else 0
        return (
            f"{_counted(len(self._outcomes), 'job')}: {self.succeeded} succeeded, {self.failed - not_run} failed, "
            f"{f'{not_run} not run, ' if not_run else ''}in {seconds:.1f} s; {_counted(self._sent_files, 'file')} "
            f"({_counted(self._sent_bytes, 'byte')}) sent to S3; output in {outputs}"
        )

    def tell_failures(self) -> None:
        """Log which jobs failed and why: the last lines of the log."""
        failures = [*self.errors, *self.failures()]
        for line in failures[:SHOWN_FAILURES]:
            log.error("%s", line)
        if len(failures) > SHOWN_FAILURES:
            log.error("and %d more failures", len(failures) - SHOWN_FAILURES)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _why(outcome: Outcome) -> str:
    observation = outcome.observation
    if outcome.error is not None:
        return outcome.error
    if observation is None or not observation.ended:
        return "did not end before the run did" if outcome.aws_id else "was not submitted"
    exit_code = f"exit code {observation.exit_code}" if observation.exit_code is not None else "no exit code"
    reasons = dict.fromkeys(text for text in (observation.status_reason, observation.container_reason) if text)
    tail = f"; its log ends: {' | '.join(outcome.tail[-3:])}" if outcome.tail else ""
    return "; ".join([exit_code, *reasons]) + tail
