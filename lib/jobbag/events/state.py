"""The state of a run, folded from its events: what became of each job, and the exit status."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy

from jobbag.bag.job import Bag, Job
from jobbag.errors import ExitCode
from jobbag.events.causes import HALTED, NOT_SENT, STOPPED, Failure, Kind, error_line, folded, kind_of, waited
from jobbag.events.costs import Costs
from jobbag.events.culprits import Culprits
from jobbag.events.escalation import Asks, Escalated, NotEscalated, Sending, StartsFrom
from jobbag.events.events import (
    Absent,
    Event,
    Halted,
    LogsWritten,
    Lost,
    NotRun,
    NotSubmitted,
    NotTerminated,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    Terminated,
    Unsent,
    WorkerFailed,
)
from jobbag.events.outcome import Outcome
from jobbag.events.results import KnownResults, ResultFailed, ResultFetched, ResultsFound, ResultsHome, ResultStays


class RunState:
    """A consumer of events that knows what became of the run. The exit status follows from them; nothing sets it."""

    def __init__(self, bag: Bag, start: int) -> None:
        """`start`: when the run began (ms)."""
        self.bag = bag
        self.culprits = Culprits(bag, lambda job: self.of(job).failed)
        self._outcomes = [Outcome() for _ in bag.jobs]  # in the order of their numbers, from 1
        self.start = start
        self.errors: list[str] = []  # of AWS or the tool, about no single job
        self.broken = False  # a worker failed, so the run cannot go on
        self.halted: str | None = None  # why, if the run is
        self._unfinished = len(bag.jobs)
        self.sent_files = self.sent_bytes = self.unchanged_files = 0
        self.results = KnownResults()
        self.costs = Costs(start, lambda job: self.of(job).queue)
        self._tails: set[tuple[Kind, str]] = set()  # the ways to fail of which a tail is kept

    def __call__(self, event: Event) -> None:
        self.costs(event)
        match event:
            case Staged(sent=True):
                self.sent_files += 1
                self.sent_bytes += event.size
            case Staged():
                self.unchanged_files += 1
            case Submitting():
                outcome = self._reset(event.job)
                outcome.token, outcome.queue = event.token, event.queue and sys.intern(event.queue)
            case Unsent():
                self._reset(event.job)
            case Absent():
                for job in event.jobs:
                    self._reset(job)
            case Submitted():
                self.of(event.job).aws_id = event.aws_id
            case StateChanged():
                self._seen(event)
            case NotSubmitted() | Lost():
                self.of(event.job).error = str(event.error)
            case NotRun():
                self._reset(event.job).withheld = event.reason
            case LogsWritten():
                self._finished(event)
            case StagingFailed() | ResultFailed():
                self.errors.append(str(event.error))
            case ResultFetched() | ResultStays() | ResultsFound() | ResultsHome():
                self.results(event)
            case Halted():
                self.halted = event.reason
            case Terminated():
                self.of(event.job).terminated, self.of(event.job).stopped = True, self.halted is None
            case NotTerminated():
                self.of(event.job).terminated = self.of(event.job).stopped = False
            case Escalated():
                self._escalated(event)
            case NotEscalated():
                self.of(event.job).not_escalated = event.reason
            case StartsFrom():
                self.of(event.job).asks = Asks(event.memory, event.queue)
            case WorkerFailed():
                self.broken = True
                self.errors.append(f"the {event.worker} stopped: {event.error}")

    def replay(self, event: Event) -> None:
        """What happened in an earlier start counts as what happens now."""
        self(event)

    def as_it_is_now(self) -> RunState:
        """A copy for another thread: what happens from now on changes nothing in it."""
        state = copy(self)
        state._outcomes = list(map(copy, self._outcomes))
        state.culprits = Culprits(state.bag, lambda job: state.of(job).failed)
        state.results, state.errors = self.results.as_they_are_now(), [*self.errors]
        return state

    def of(self, job: Job) -> Outcome:
        """What is known of a job."""
        return self._outcomes[job.number - 1]

    def failure(self, job: Job) -> Failure:
        """Why a job did not succeed of which nothing is under way any more."""
        outcome = self.of(job)
        culprit = self.culprits.of(job) if outcome.not_run else None
        if culprit is not None:
            stopped = self.of(culprit).stopped
            return Failure(job.number, waited(self._missed(culprit), stopped=stopped), "")
        if outcome.why_withheld is not None:
            return Failure(job.number, Kind(outcome.why_withheld, HALTED), "")
        if outcome.terminated and outcome.error is None and (outcome.stopped or not outcome.ended):
            return Failure(job.number, STOPPED, "")
        if not outcome.over and not outcome.aws_id:
            return Failure(job.number, NOT_SENT, "")
        seen = outcome.observation
        exit_code, reason = (seen.exit_code, seen.reason) if seen else (None, None)
        kind = kind_of(exit_code, reason, outcome.error)
        return Failure(job.number, kind, outcome.last)

    def _reset(self, job: Job) -> Outcome:
        """Forget what is known of the job but for its earlier sendings: it is sent anew, or not at all."""
        before = self.of(job)
        self._unfinished += before.finished
        after = self._outcomes[job.number - 1] = Outcome(earlier=before.earlier, asks=before.asks)
        return after

    def _escalated(self, event: Escalated) -> None:
        before, outcome = self.of(event.job), self._reset(event.job)
        outcome.asks = Asks(event.memory, event.queue)
        if before.observation is not None:
            sending = Sending(event.cause, before.token, before.aws_id, before.queue, before.observation)
            outcome.earlier = (*before.earlier, sending)

    def _seen(self, event: StateChanged) -> None:
        outcome = self.of(event.job)
        outcome.observation = event.observation
        outcome.error = None  # it was taken for lost, and is there after all
        if event.observation.status == "STARTING" and outcome.starting is None:
            outcome.starting = event.at

    def _finished(self, event: LogsWritten) -> None:
        outcome = self.of(event.job)
        self._unfinished -= not outcome.finished
        outcome.finished, outcome.note, outcome.whole = True, event.note, event.whole
        outcome.lines, outcome.peak = event.lines, event.peak
        if not outcome.succeeded:
            outcome.last = sys.intern(folded(error_line(event.tail)))
            alike = self.failure(event.job).alike
            if alike not in self._tails:  # one for each cause is shown, and those of all jobs are too many to keep
                self._tails.add(alike)
                outcome.tail = event.tail

    # -- what follows from the events

    @property
    def complete(self) -> bool:
        """Whether every job is done and its output on disk."""
        return self._unfinished == 0

    @property
    def settled(self) -> bool:
        """Whether each job has an outcome of its own: a new start would send none of them again."""
        return self.halted is not None or not any(outcome.to_repeat for outcome in self._outcomes)

    @property
    def all_logs_whole(self) -> bool:
        """Whether no log is left that a new start could still fetch."""
        return all(outcome.whole for outcome in self._outcomes)

    @property
    def succeeded(self) -> int:
        """How many jobs succeeded."""
        return sum(outcome.succeeded for outcome in self._outcomes)

    @property
    def failed(self) -> int:
        """How many jobs did not succeed, for whatever reason."""
        return len(self._outcomes) - self.succeeded

    @property
    def exit_code(self) -> ExitCode:
        """The exit status of the command, if the run ends now."""
        if self.errors or any(outcome.error for outcome in self._outcomes) or not self.complete:
            return ExitCode.AWS_ERROR
        if self.failed:
            return ExitCode.TASK_FAILED
        return ExitCode.OK if self.all_logs_whole else ExitCode.AWS_ERROR

    def first_cause(self, job: Job) -> str | None:
        """The failure that kept a job from running which depends on others, in words; None if there is none."""
        culprit = self.culprits.of(job)
        return None if culprit is None else self._missed(culprit)

    def _missed(self, culprit: Job) -> str:
        ended = "was stopped" if self.of(culprit).stopped else "failed"
        return f"job {culprit.name} {ended}, on which it depends"

    def released(self) -> list[Job]:
        """The jobs that were not sent as others had failed, all of which are to be sent again or have succeeded now."""
        if self.halted is not None:
            return []
        withheld = [job for job in self.bag.jobs if self.of(job).withheld is not None]
        dependants: dict[str, list[str]] = {}  # by the name in a dependsOn, those that wait for it
        for name, job in {job.sent_name: job for job in withheld}.items():
            for needed in job.depends_on:
                dependants.setdefault(needed, []).append(name)
        lost = [name for name in dependants if any(map(self._has_failed_for_good, self.bag.named(name)))]
        kept: set[str] = set()
        while lost:
            for name in dependants.pop(lost.pop(), ()):
                kept.add(name)
                lost.append(name)
        return [job for job in withheld if job.sent_name not in kept]

    def _has_failed_for_good(self, job: Job) -> bool:
        outcome = self.of(job)
        return outcome.failed and outcome.withheld is None and not outcome.to_repeat

    def is_to_send(self, job: Job) -> bool:
        """Whether the job was never sent, or is to be sent again."""
        outcome = self.of(job)
        if self.halted is not None:
            return outcome.token is None and outcome.error is None and outcome.withheld is None
        return (outcome.token is None and outcome.withheld is None) or outcome.to_repeat

    def to_send(self) -> list[Job]:
        """All that are to be sent; of arrays of the user's own, those of which that is true of all children."""
        jobs = [job for job in self.bag.jobs if self.is_to_send(job)]
        children = Counter(job.child.array for job in jobs if job.child is not None)
        return [job for job in jobs if job.child is None or children[job.child.array] == job.child.size]

    def to_send_whole(self) -> list[Job]:
        """The children of arrays of the user's own some of which are to be sent again, once no other can be under way.

        AWS Batch starts all children of an array, or none.
        """
        if self.halted is not None:
            return []
        whole = {job.child.array for job in self.to_send() if job.child is not None}
        torn = {
            job.child.array: job
            for job in self.bag.jobs
            if job.child is not None and job.child.array not in whole and self.is_to_send(job)
        }
        arrays = map(self.bag.siblings, torn.values())
        return [job for children in arrays if not self._is_under_way(children) for job in children]

    def _is_under_way(self, children: Sequence[Job]) -> bool:
        """Whether AWS may run children of an array that a request has sent, or may have."""
        outcomes = [self.of(job) for job in children]
        if any(not one.aws_id and (one.token is None or one.error is not None) for one in outcomes):
            return False  # the one request was not made, or refused
        return any(not one.ended and not one.lost for one in outcomes)

    def may_be_sent(self, job: Job) -> bool:
        """Whether the job, which was sent or may have been, is perhaps to be sent again, when more is known of it."""
        outcome = self.of(job)
        in_doubt = outcome.token is not None and not outcome.aws_id and outcome.error is None
        return self.halted is None and (in_doubt or (outcome.terminated and not outcome.ended))

    @property
    def has_to_send(self) -> bool:
        """Whether a job may still have to be sent, or looked for by its token."""
        if self.halted is not None:
            return any(self.in_doubt())
        return any(self._has_to_be_sent(job, self.of(job)) for job in self.bag.jobs)

    def _has_to_be_sent(self, job: Job, outcome: Outcome) -> bool:
        if job.has_rules and not (outcome.succeeded or outcome.finished):
            return True
        return not outcome.aws_id or outcome.to_repeat or (outcome.terminated and not outcome.ended)

    def progress(self) -> str:
        """How far the run is, in a few words."""
        submitted = sum(bool(outcome.aws_id) for outcome in self._outcomes)
        ended = sum(outcome.ended for outcome in self._outcomes)
        return f"of {len(self._outcomes)} jobs, {submitted} are submitted, {ended} of them have ended"

    def running(self) -> Iterator[tuple[Job, str]]:
        """Jobs that AWS has and that have not ended, as far as is known, with their AWS ids."""
        for job in self.bag.jobs:
            outcome = self.of(job)
            if outcome.aws_id and not outcome.ended:
                yield job, outcome.aws_id

    def in_doubt(self) -> Iterator[Job]:
        """Jobs that AWS may have: they were about to be sent, and no answer is known."""
        for job in self.bag.jobs:
            outcome = self.of(job)
            if outcome.token is not None and not outcome.aws_id and outcome.error is None:
                yield job
