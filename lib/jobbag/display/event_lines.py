"""The events of a run, in the log of the tool as they come."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Hashable, Iterator

from rich.cells import cell_len

from jobbag.bag.job import Job
from jobbag.display.columns import cut, padded
from jobbag.events.causes import Failure, error_line, folded
from jobbag.events.escalation import MEMORY, Escalated, NotEscalated
from jobbag.events.events import (
    Event,
    Halted,
    JobsWaiting,
    LogsWritten,
    Lost,
    NotSubmitted,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    WorkerFailed,
)
from jobbag.events.observation import Observation, joined
from jobbag.events.results import ResultFailed, ResultFetched, ResultStays
from jobbag.events.state import RunState
from jobbag.terminal import Look, Mark, size_of
from jobbag.text import span
from jobbag.tool_log import style

log = logging.getLogger(__name__)

FEW = 50  # jobs of a bag of which each success is told; of more, how far the run is says enough
ALIKE = 20  # jobs that have a line each, of those that fail for one cause
WIDEST_NAME = 24  # columns, up to which what is said of jobs stands below each other


def log_event(event: Event) -> None:
    """A consumer of events that logs them, but for how jobs end."""
    match event:
        case Staged():
            there = "" if event.sent else " already, with this content"
            log.debug("%s is in S3 as %s%s", event.item, event.key, there)
        case StagingFailed():
            log.error("%s", event.error)
        case Submitted():
            log.debug("job %s is submitted as %s", event.job.name, event.aws_id)
        case JobsWaiting():
            log.log(logging.WARNING if event.wrong else logging.INFO, "%s", event.reason)
        case Halted():
            log.error("%s: no more jobs are sent, and those that have not ended are terminated", event.reason)
        case LogsWritten():
            log.debug("job %s: %d lines of output are on disk", event.job.name, event.lines)
        case ResultFetched():
            log.debug("job %s: the result %s is in %s", event.job.name, event.key, event.path)
        case ResultStays():
            log.warning("job %s: the result %s stays in S3: %s", event.job.name, event.key, event.reason)
        case ResultFailed():
            log.error("%s", event.error)
        case WorkerFailed():
            log.debug("the %s stopped", event.worker, exc_info=event.error)


class AllEnds:
    """A consumer of events that logs all of each job: for a log in which things are looked up."""

    def __init__(self) -> None:
        self._halted = False

    def __call__(self, event: Event) -> None:
        match event:
            case StateChanged(job=job, aws_id=aws_id, observation=seen):
                _log_in_full(job, aws_id, seen)
            case NotSubmitted() | Lost():
                log.error("job %s: %s", event.job.name, event.error)
            case Escalated():
                log.info("job %s: %s", event.job.name, _again(event))
            case NotEscalated():
                log.warning("job %s: %s", event.job.name, event.reason)
            case Halted():
                self._halted = True
            case LogsWritten(note=str(note)):  # which is the same for all jobs of a halted run
                log.log(logging.DEBUG if self._halted else logging.WARNING, "job %s: %s", event.job.name, note)


class FewEnds:
    """A consumer of events that logs what a person wants to see who waits: some lines, however many the jobs are.

    Of those that fail for one cause, the first ones have a line each; of those that the run has terminated, none has.
    """

    def __init__(self, state: RunState, look: Look | None) -> None:
        """`state` has heard of each event before. `look`: that of a terminal, whose lines are short; None: of none."""
        self._state = state
        self._look = look
        self._tells_success = len(state.bag.jobs) <= FEW
        self._alike: Counter[Hashable] = Counter()
        self._name = min(WIDEST_NAME, max((cell_len(job.name) for job in state.bag.jobs), default=0))

    def __call__(self, event: Event) -> None:
        match event:
            case StateChanged(job=job, observation=Observation(status="SUCCEEDED") as seen) if self._tells_success:
                if self._look is None:
                    _log_in_full(job, event.aws_id, seen)
                else:
                    took = [span((seen.stopped - seen.started) / 1000)] if seen.started and seen.stopped else []
                    self._log_shortly(Mark.DONE, job, *took)
            case NotSubmitted() | Lost():
                if self._is_new(self._state.failure(event.job).alike, str(event.error)):
                    log.error("job %s: %s", event.job.name, event.error)
            case Escalated():
                if self._is_new((event.cause, event.memory, event.queue), _again(event)):
                    log.info("job %s: %s", event.job.name, _again(event))
            case NotEscalated():
                if self._is_new(event.reason, event.reason):
                    log.warning("job %s: %s", event.job.name, event.reason)
            case LogsWritten():
                self._is_over(event)

    def _is_over(self, event: LogsWritten) -> None:
        outcome = self._state.of(event.job)
        if outcome.succeeded:
            if event.note and self._is_new(folded(event.note), event.note):
                log.warning("job %s: %s", event.job.name, event.note)
        elif outcome.error is None and not outcome.terminated and not (self._state.halted and outcome.not_run):
            failure = self._state.failure(event.job)
            if self._is_new(failure.alike, ": ".join(filter(None, (failure.kind.title, failure.line)))):
                self._tell(event, failure)

    def _is_new(self, alike: Hashable, cause: str) -> bool:
        """Whether a line is still to be told of what is `alike`; says so when there are too many."""
        self._alike[alike] += 1
        if self._alike[alike] == ALIKE + 1:
            log.info("more jobs end like this, which are only counted: %s", cause)
        return self._alike[alike] <= ALIKE

    def _tell(self, event: LogsWritten, failure: Failure) -> None:
        outcome = self._state.of(event.job)
        if self._look is not None:
            self._log_shortly(Mark.FAILED, event.job, *_how(event, failure, outcome.observation))
            return
        if outcome.observation is not None and outcome.ended:
            _log_in_full(event.job, outcome.aws_id, outcome.observation)
        if event.note:
            log.warning("job %s: %s", event.job.name, event.note)

    def _log_shortly(self, mark: Mark, job: Job, *words: str) -> None:
        size = size_of(sys.stderr)
        room = None
        if size is not None and self._look is not None:
            room = size.columns - len("12:27:16 ") - len(mark.letter if self._look.letters else mark.letters) - 1
        text = "  ".join((padded(job.name, self._name) if words else job.name, *words))
        log.info("%s", cut(text, room), extra=style(mark=mark))


def _again(event: Escalated) -> str:
    """Why a job is sent again, and how."""
    if event.cause == MEMORY:
        return f"it ran out of memory, and is sent again with {event.memory:,} MiB"
    where = f"to the job queue {event.queue.rpartition('/')[2]}" if event.queue else "to the same job queue"
    return f"its machine was lost ({event.reason}), and it is sent again {where}"


def _how(event: LogsWritten, failure: Failure, seen: Observation | None) -> Iterator[str]:
    """How a job ended that did not succeed, in a few words each: its exit code, the cause, what it said last."""
    title = failure.kind.title
    if seen is not None and seen.exit_code is not None:
        yield f"exit {seen.exit_code}"
        title = title.removeprefix(f"exit code {seen.exit_code}").lstrip(", ")
    if seen is not None and seen.reason and "<" in title:  # where what differs from job to job is left out
        title = seen.reason
    said = error_line(event.tail).strip() or event.note or ""
    yield from filter(None, (title, said if said not in title else ""))


def _log_in_full(job: Job, aws_id: str, seen: Observation) -> None:
    """Log the state of a job, as Pegasus and people read it."""
    if seen.status == "FAILED":
        code = f"exit code {seen.exit_code}" if seen.exit_code is not None else "no exit code"
        why = joined(code, seen.reason)
        log.info("job %s (%s) is FAILED: %s", job.name, aws_id, why, extra=style(mark=Mark.FAILED))
    else:
        level, mark = (logging.INFO, Mark.DONE) if seen.ended else (logging.DEBUG, None)
        log.log(level, "job %s (%s) is %s", job.name, aws_id, seen.status, extra=style(mark=mark))
