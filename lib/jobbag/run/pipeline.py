"""One run of a bag: the loop in which the main thread hears what the workers did, and gives them what comes next."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from jobbag.bag.job import Job, JobNumbers
from jobbag.errors import Interrupted
from jobbag.escalation.policy import Escalation
from jobbag.events import remarks
from jobbag.events.events import (
    Absent,
    Event,
    Halted,
    LogsWritten,
    Lost,
    NotRun,
    NotSubmitted,
    Signalled,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    Unsent,
    WorkerFailed,
)
from jobbag.jobs.array_request import Requests
from jobbag.logs.part_files import Places
from jobbag.options.settings import Settings
from jobbag.run.backlog import Backlog
from jobbag.run.consumers import Consumers
from jobbag.run.followups import FollowUps
from jobbag.run.packing import Packing
from jobbag.run.sending import Sending
from jobbag.run.shutdown import Shutdown, policy_of
from jobbag.run.task import TaskOnAws
from jobbag.run.workers import Workers
from jobbag.signals import Stops
from jobbag.threads import next_of


class Pipeline:
    """Runs the jobs of a bag whose entities and bucket are ready.

    Workers only emit events; the main thread, inside `run`, hands each event to the consumers and then to the
    worker whose turn it is. What the consumers know of an earlier start is gone on with.
    """

    def __init__(
        self,
        task: TaskOnAws,
        settings: Settings,
        requests: Requests,
        consumers: Consumers,
        places: Places,
        escalation: Escalation,
        *,
        bucket_is_new: bool,
    ) -> None:
        """`places` says where the output of jobs is written; `escalation` which of them are sent again, and how."""
        self._bag = task.bag
        self._detach = settings.detach
        self._consumers = consumers
        self._state = consumers.state
        self._safeguards = consumers.safeguards
        self._open = True  # jobs may be sent
        self._stopped: Interrupted | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._fetching = JobNumbers(len(task.bag.jobs))  # of those whose output is to come
        self._unexplained: dict[int, list[Job]] = {}  # of these, those not run, by the job whose end may tell why
        to_send = self._state.to_send()
        self._to_send = JobNumbers(len(task.bag.jobs), (job.number for job in to_send))  # at the start
        self._follow_ups = FollowUps(task.bag, self._state, escalation, self.tell)
        self._backlog = Backlog(
            task.bag, to_send, Packing(settings.array), self._safeguards,
            [*filter(self._follow_ups.may_be_sent, task.bag.jobs)], requests.can_be_packed, self._follow_ups.as_sent,
        )  # fmt: skip
        self._workers = Workers(task, settings, places, self._state, self._events.put, bucket_is_new=bucket_is_new)
        self._sending = Sending(requests, self._workers.submitter, self.tell, consumers.journal, self._state)
        self._shutdown = Shutdown(task.cloud, self._state, consumers.journal, self._workers, self, policy_of(settings))

    def run(self, stops: Stops, staged: Sequence[str] = (), cancelled: Interrupted | None = None) -> Interrupted | None:
        """Run until every job is done, or a worker cannot go on; or with --detach, until every job is submitted,
        unless the run is halted. If it is `cancelled`, what an earlier start has sent is stopped, and nothing is sent.

        `staged` are the files that an earlier start has sent. Returns the signal that cut the run short (`stop`); one
        that comes when there is nothing to cut short is only told, from then on.
        """
        if cancelled is not None:
            self._open, self._stopped = False, cancelled
        with self._workers:
            try:
                self._go_on(staged)
                while not (self._stopped or self._has_ended or (self._detach and self._open and self._all_sent)):
                    self._next()
                self._open = False
                stops.only_tell()
                self.drain()  # one may have come just before
                for number in [*self._unexplained]:
                    self._explain(number)
                if self._stopped:
                    self._shutdown.stop(self._stopped)
            except OSError as error:
                self._cannot_write(error)
        try:
            self.drain()
        except OSError as error:
            self._cannot_write(error)
        return self._stopped

    def stop(self, interrupted: Interrupted) -> None:
        """Cut the run short, soon or as it begins. Safe to call at any moment."""
        self._events.put(Signalled(interrupted))

    def _cannot_write(self, error: OSError) -> None:
        """The disk is full, or the directory is gone: nothing more is sent, and a new start goes on."""
        self._open = False
        if not self._state.broken:
            self._state(WorkerFailed("run", error))

    @property
    def _has_ended(self) -> bool:
        """Whether nothing is left to do; the results come last, when no job can add to them any more."""
        return self._state.broken or (self._state.complete and self._workers.have_fetched_results(self._state))

    @property
    def _all_sent(self) -> bool:
        return self._backlog.is_empty and self._sending.is_empty

    @property
    def is_unsettled(self) -> bool:
        """Whether jobs are still to end, or their output to come, or it is not known whether AWS has them."""
        settled = self._sending.is_empty and not self._fetching and not any(self._state.running())
        return not settled and not self._state.broken

    def _go_on(self, staged: Sequence[str]) -> None:
        in_doubt = [job for job in self._bag.jobs if self._take_up(job)]
        for job in self._bag.jobs:
            self._handle(*self._recall_order(job))
        self._sending.seek(in_doubt)
        follow = [*self._follow_ups.send_gathered(self._backlog)]
        self._backlog.begin()
        if self._state.halted is not None:
            self._handle(Halted(self._state.halted))
        else:
            self._handle(*follow, *self._heed_safeguards())
        for item in staged:
            self._backlog.arrived(item)
        if self._open:
            self._workers.uploader.send(self._backlog.files)
        self._send_ready()

    def _take_up(self, job: Job) -> bool:
        """Go on with a job where an earlier start left it; true if it is not known whether AWS has it."""
        outcome = self._state.of(job)
        goes_anew = job.number in self._to_send and not (self._stopped and outcome.over)
        if not goes_anew and not outcome.finished:
            if outcome.over:
                if not self._follow_ups.escalates(job, self._backlog):
                    self._fetch(job)
            elif outcome.aws_id:
                if outcome.observation is not None:
                    self._workers.follower.follow(job, outcome.observation)
                self._workers.watch(job, self._state)
            else:
                return True
        return False

    def _recall_order(self, job: Job) -> Iterator[Event]:
        """What an earlier start knew of a job on which others may depend; gives what follows."""
        outcome = self._state.of(job)
        if outcome.succeeded:
            self._backlog.succeeded(job)
        elif outcome.over and not (outcome.to_repeat and (job.child is None or job.number in self._to_send)):
            yield from self._follow_ups.drop_dependants(job, self._backlog)
        elif outcome.aws_id and not outcome.over and not outcome.terminated:  # what is to end is waited for
            self._follow_ups.submitted(job, outcome.aws_id, self._backlog)

    def _send_ready(self) -> None:
        """Send what can go, as far as the window of those under way has room."""
        if self._open and (room := self._sending.room):
            self._sending.send(self._backlog.take(room), self._backlog)

    def tell(self, event: Event) -> None:
        """Hand an event to the consumers, and do nothing about it."""
        self._consumers(event)
        self._workers.follower(event)

    def _handle(self, *events: Event) -> None:
        """Handle events, and what follows from each, before anything else is done."""
        left = deque(events)  # not by recursion: what depends on a failure may be a long chain
        while left:
            left.extend(self._heard(left.popleft()))
        self._send_ready()

    def _heard(self, event: Event) -> Iterator[Event]:
        """Tell the event and do what it calls for. Gives the events that follow from it."""
        if isinstance(event, Halted) and not self._open:
            return  # it is halted already
        if isinstance(event, (Unsent, NotRun, Absent)):  # before the state forgets the token
            self._arrived(event.jobs[0] if isinstance(event, Absent) else event.job)
        self.tell(event)
        match event:
            case Staged(item=item):
                self._backlog.arrived(item)
            case StagingFailed(item=item, error=error):
                yield from self._follow_ups.not_staged(item, error, self._backlog)
            case Submitted(job=job, aws_id=aws_id):
                self._arrived(job)
                self._workers.watch(job, self._state)
                self._follow_ups.submitted(job, aws_id, self._backlog)
                if self._stopped:
                    self._shutdown.came_late(job, aws_id)
                elif self._state.halted is not None:
                    self._shutdown.end([(job, aws_id)], self._state.halted)
            case Absent(jobs=jobs):
                if self._stopped:
                    yield from map(Unsent, jobs)
                elif self._state.halted is None:
                    yield from self._follow_ups.send_again(jobs, self._backlog)
                else:
                    yield from _not_run(jobs, self._state.halted)
            case NotSubmitted(job=job) | NotRun(job=job):
                self._arrived(job)
                self._fetch(job)
                yield from self._is_over(job)
            case StateChanged(job=job, observation=observation) if observation.ended:
                # Children of an array are sent again together, by a start that knows the end of all of them.
                if self._follow_ups.escalates(job, self._backlog):
                    if not self._backlog.pause:  # a canary is one again before any other job
                        yield from self._follow_ups.send_gathered(self._backlog)
                elif self._state.of(job).to_repeat and self._open and job.child is None:
                    yield from self._follow_ups.send_again([job], self._backlog)
                else:
                    self._fetch(job)
                    yield from self._is_over(job)
            case Lost(job=job):
                self._fetch(job)
                yield from self._is_over(job)
            case LogsWritten(job=job):
                self._fetching.discard(job.number)
            case Signalled(interrupted=interrupted):
                self._stopped = interrupted
            case Halted(reason=reason):
                self._open = False
                yield from _not_run(self._backlog.give_up(), reason)
                self._shutdown.halt(reason)
        if isinstance(event, Lost) or (isinstance(event, StateChanged) and event.observation.ended):
            self._explain(event.job.number)
        if isinstance(event, (NotSubmitted, StateChanged, Lost, Absent)):
            yield from self._heed_safeguards()

    def _arrived(self, job: Job) -> None:
        """It is known now what became of the sending of a job, and of those that were sent with it."""
        token = self._state.of(job).token
        if token is not None:
            self._sending.arrived(token)

    def _is_over(self, job: Job) -> Iterator[Event]:
        """Go on with what depends on the job; not if it was stopped with the run, which a new start goes on with."""
        if self._state.of(job).succeeded:
            self._backlog.succeeded(job)
        elif self._open:
            yield from self._follow_ups.drop_dependants(job, self._backlog)

    def _fetch(self, job: Job) -> None:
        self._fetching.add(job.number)
        explained_by = remarks.explained_by(self._state, job) if self._open else None
        if explained_by is not None:
            self._unexplained.setdefault(explained_by.number, []).append(job)
        else:
            self._workers.fetch(job, self._state)

    def _explain(self, number: int) -> None:
        """Fetch the output of jobs that have waited for the end of the one with this number."""
        for job in self._unexplained.pop(number, ()):
            self._fetch(job)

    def _heed_safeguards(self) -> Iterator[Event]:
        verdict = self._safeguards.verdict
        if self._open and verdict is not None and (not self._all_sent or any(self._state.running())):
            yield Halted(verdict)

    def _next(self) -> None:
        """Handle the next event; or send again what was gathered, when that is due, or nothing else is to come."""
        pause = self._backlog.pause
        if pause and self._events.empty() and self._sending.is_empty and not any(self._state.running()):
            pause = 0.0
        try:
            self._handle(next_of(self._events, pause))
        except queue.Empty:
            self._handle(*self._follow_ups.send_gathered(self._backlog))

    def drain(self) -> None:
        """Handle the events that are there."""
        while not self._events.empty():
            self._handle(self._events.get())

    def handle_next(self, seconds: float) -> None:
        """Handle the next event and those that are there by then; the wait for it ends after so many seconds."""
        with suppress(queue.Empty):
            self._handle(self._events.get(timeout=seconds))
            self.drain()


def _not_run(jobs: Iterable[Job], reason: str) -> Iterator[Event]:
    return (NotRun(job, reason) for job in jobs)
