"""One run of a bag: the workers, the queue of events between them and the main thread, and the shutdown."""

from __future__ import annotations

import logging
import queue
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.errors import PROG, Interrupted
from jobbag.events.events import (
    Absent,
    Attached,
    Consumer,
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
    Submitting,
    Terminated,
    Unsent,
    WorkerFailed,
)
from jobbag.events.journal import Journal
from jobbag.events.state import RunState
from jobbag.jobs.array_request import JobGroup, PreparedRequest, Requests
from jobbag.jobs.ids import by_token, child_token, parent_token
from jobbag.jobs.monitor import Monitor
from jobbag.jobs.queue_watch import QueueWatch
from jobbag.jobs.submission import Submitter
from jobbag.jobs.termination import Terminator, terminate
from jobbag.logs.fetcher import LogFetcher
from jobbag.logs.follower import Follower, Wanted
from jobbag.logs.part_files import Places
from jobbag.run.backlog import Backlog
from jobbag.run.packing import Packing
from jobbag.run.safeguards import Safeguards
from jobbag.s3.place import S3Place
from jobbag.s3.uploads import Uploader
from jobbag.signals import Signals, StopPolicy
from jobbag.text import counted

log = logging.getLogger(__name__)


SENDING_AT_ONCE = 64  # jobs that may be under way to AWS Batch, and that a killed run must look for


class Pipeline:
    """Runs the jobs of a bag whose entities and bucket are ready.

    Workers only emit events; the main thread, inside `run`, hands each event to the consumers and then to the
    worker whose turn it is. What `report` and `gate` know of an earlier start is gone on with.
    """

    def __init__(
        self,
        cloud: Cloud,
        bag: Bag,
        place: S3Place,
        requests: Requests,
        packing: Packing,
        state: RunState,
        safeguards: Safeguards,
        journal: Journal,
        consumers: Sequence[Consumer],
        places: Places,
        wanted: Wanted,
        *,
        stop_policy: StopPolicy,
        bucket_is_new: bool,
    ) -> None:
        self._cloud = cloud
        self._bag = bag
        self._requests = requests
        self._state = state
        self._safeguards = safeguards
        self._journal = journal
        self._stop_policy = stop_policy
        self._stopped: Interrupted | None = None
        self._late: list[tuple[Job, str]] = []  # jobs that are known to be there since then, with their AWS ids
        self._open = True  # jobs may be sent
        self._start_id = secrets.token_hex(6)  # jobs that this start sends can be told from those of others
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        emit = self._events.put
        to_send = [job for job in bag.jobs if state.is_to_send(job)]
        self._backlog = Backlog(bag, to_send, packing, safeguards)
        self._sending: dict[str, tuple[JobGroup, PreparedRequest]] = {}  # under way to AWS Batch, by token
        self._follower = Follower(cloud, emit, wanted)
        self._consumers: tuple[Consumer, ...] = (journal, state, safeguards, *consumers, self._follower)
        self._fetching: set[int] = set()  # numbers of jobs whose output is to come
        self._fetcher = LogFetcher(cloud, places, emit, self._follower.reading)
        self._queue_watch = QueueWatch(cloud, emit)
        self._monitor = Monitor(cloud, emit, self._queue_watch.saw)
        self._submitter = Submitter(cloud, emit)
        self._terminator = Terminator(cloud, emit)
        self._uploader = Uploader(cloud, place, emit, bucket_is_new=bucket_is_new)

    def run(self, signals: Signals, staged: Sequence[str] = (), *, detach: bool = False) -> Interrupted | None:
        """Run until every job is done, or a worker cannot go on; or with `detach`, until every job is submitted,
        unless the run is halted.

        `staged` are the files that an earlier start has sent. Returns the signal that cut the run short (`stop`); one
        that comes when there is nothing to cut short is only told, from then on.
        """
        with ExitStack() as stack:
            stack.enter_context(self._fetcher)
            stack.enter_context(self._follower)
            stack.enter_context(self._queue_watch)
            stack.enter_context(self._monitor)
            stack.enter_context(self._terminator)
            stack.enter_context(self._submitter)
            stack.enter_context(self._uploader)
            try:
                self._go_on(staged)
                while not (self._stopped or self._has_ended or (detach and self._open and self._all_sent)):
                    self._handle(self._events.get())
                self._open = False
                signals.only_tell()
                self._drain()  # one may have come just before
                if self._stopped:
                    self._stop(self._stopped)
            except OSError as error:
                self._cannot_write(error)
        try:
            self._drain()
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
        return self._state.complete or self._state.broken

    @property
    def _all_sent(self) -> bool:
        return self._backlog.is_empty and not self._sending

    def _go_on(self, staged: Sequence[str]) -> None:
        in_doubt = [job for job in self._bag.jobs if not self._state.is_to_send(job) and self._take_up(job)]
        for job in self._bag.jobs:
            self._recall_order(job)
        self._seek(in_doubt)
        self._backlog.begin()
        if self._state.halted is not None:
            self._handle(Halted(self._state.halted))
        else:
            self._heed_safeguards()
        for item in staged:
            self._backlog.arrived(item)
        self._uploader.send(self._backlog.files)
        self._send_ready()

    def _take_up(self, job: Job) -> bool:
        """Go on with a job where an earlier start left it; true if it is not known whether AWS has it."""
        outcome = self._state.of(job)
        if not outcome.finished:
            if outcome.over:
                self._fetch(job)
            elif outcome.aws_id:
                if outcome.observation is not None:
                    self._follower.follow(job, outcome.observation)
                status = outcome.observation.status if outcome.observation else "SUBMITTED"
                self._monitor.watch(outcome.aws_id, job, status)
            else:
                return True
        return False

    def _recall_order(self, job: Job) -> None:
        """What an earlier start knew of a job on which others may depend."""
        outcome = self._state.of(job)
        if outcome.succeeded:
            self._backlog.succeeded(job)
        elif outcome.over and not outcome.to_repeat:
            self._drop_dependants(job)
        elif outcome.aws_id and not outcome.over:
            self._backlog.submitted(job, outcome.aws_id)

    def _seek(self, jobs: Iterable[Job]) -> None:
        """Look for jobs that an earlier start may have sent."""
        known_by = ((job, self._state.of(job).token or "") for job in jobs)
        for token, children in by_token(known_by).items():
            found, prepared = tuple(children.values()), self._requests.sought(children, token)
            self._sending[token] = found, prepared
            self._submitter.submit(found, prepared, unsure=True)

    def _drop_dependants(self, job: Job) -> None:
        """The job has not succeeded, so those that depend on it are not sent."""
        for dependant in self._backlog.failed(job):
            if self._state.of(dependant).withheld is None:
                self._handle(NotRun(dependant, self._state.first_cause(dependant) or f"job {job.name} failed"))

    def _send_ready(self) -> None:
        """Hand jobs to the submitter, half a window at a time; the journal knows it first, durably."""
        if not self._open or len(self._sending) > SENDING_AT_ONCE // 2:
            return
        batch = self._backlog.take(SENDING_AT_ONCE - len(self._sending))
        if not batch:
            return
        tokens = [f"{self._start_id}.{jobs[0].number}" for jobs in batch]
        all_prepared = [
            self._requests.of(jobs, token, self._backlog.depends_on(jobs))
            for jobs, token in zip(batch, tokens, strict=True)
        ]
        for jobs, token, prepared in zip(batch, tokens, all_prepared, strict=True):
            if prepared.is_array:
                self._backlog.shipped(jobs)
            for key in prepared.objects:
                self._tell(Attached(key))
            for index, job in enumerate(jobs):
                self._tell(Submitting(job, child_token(token, index) if prepared.is_array else token))
        self._journal.sync()
        for jobs, token, prepared in zip(batch, tokens, all_prepared, strict=True):
            self._sending[token] = jobs, prepared
            self._submitter.submit(jobs, prepared)

    def _tell(self, event: Event) -> None:
        for consumer in self._consumers:
            consumer(event)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Unsent):
            self._arrived(event.job)  # before the report forgets its token
        self._tell(event)
        match event:
            case Staged(item=item):
                self._backlog.arrived(item)
            case StagingFailed(item=item, error=error):
                for job in self._backlog.never_arrives(item):
                    self._handle(NotSubmitted(job, error))
            case Submitted(job=job, aws_id=aws_id):
                self._arrived(job)
                self._monitor.watch(aws_id, job)
                self._backlog.submitted(job, aws_id)
                if self._stopped:
                    self._late.append((job, aws_id))
                elif self._state.halted is not None:
                    self._end([(job, aws_id)], self._state.halted)
            case Absent(jobs=jobs):
                self._arrived(jobs[0])
                if self._stopped:
                    for job in jobs:
                        self._handle(Unsent(job))
                elif self._state.halted is None:
                    self._backlog.take_back(jobs)
                else:
                    self._not_run(jobs, self._state.halted)
            case NotSubmitted(job=job) | NotRun(job=job):
                self._arrived(job)
                self._fetch(job)
                self._is_over(job)
            case StateChanged(job=job, observation=observation) if observation.ended:
                if self._state.of(job).to_repeat and self._open:
                    self._backlog.have_inputs([job])
                else:
                    self._fetch(job)
                    self._is_over(job)
            case Lost(job=job):
                self._fetch(job)
                self._is_over(job)
            case LogsWritten(job=job):
                self._fetching.discard(job.number)
            case Signalled(interrupted=interrupted):
                self._stopped = interrupted
            case Halted(reason=reason):
                self._halt(reason)
        if isinstance(event, (NotSubmitted, StateChanged, Lost)):
            self._heed_safeguards()
        self._send_ready()

    def _arrived(self, job: Job) -> None:
        """It is known now what became of the sending of a job, and of those that were sent with it."""
        token = self._state.of(job).token
        if token is not None:
            self._sending.pop(parent_token(token)[0], None)

    def _is_over(self, job: Job) -> None:
        """Go on with what depends on the job; not if it was stopped with the run, which a new start goes on with."""
        if self._state.of(job).succeeded:
            self._backlog.succeeded(job)
        elif self._open:
            self._drop_dependants(job)

    def _fetch(self, job: Job) -> None:
        outcome = self._state.of(job)
        observation = outcome.observation if outcome.ended else None
        no_log, remark = self._state.why_no_log(job), self._state.remark(job)
        self._fetching.add(job.number)
        self._fetcher.fetch(job, outcome.aws_id, observation, no_log, remark)

    # -- being halted

    def _heed_safeguards(self) -> None:
        verdict = self._safeguards.verdict
        if self._open and verdict is not None and (not self._all_sent or any(self._state.running())):
            self._handle(Halted(verdict))

    def _halt(self, reason: str) -> None:
        """Send nothing more, and terminate what is sent; then the run goes on to its end."""
        self._open = False
        self._not_run(self._backlog.give_up(), reason)
        self._submitter.recall(reason)
        self._end(self._state.running(), reason)
        self._uploader.cancel()

    def _not_run(self, jobs: Iterable[Job], reason: str) -> None:
        for job in jobs:
            self._handle(NotRun(job, reason))

    def _end(self, jobs: Iterable[tuple[Job, str]], reason: str) -> None:
        self._terminator.terminate(self._to_terminate(jobs), f"{PROG} was halted: {reason}")

    # -- being stopped

    def _stop(self, interrupted: Interrupted) -> None:
        """Send nothing more; then leave the jobs alone, or terminate them and wait a while for their logs."""
        log.warning("%s: no more jobs are sent; a second signal leaves at once", interrupted.exit_code.name)
        self._uploader.cancel()
        self._submitter.send_no_more()
        if self._stop_policy.detaches(interrupted):
            self._submitter.close(self._stop_policy.grace / 2)
            self._drain()
            log.warning("the jobs that are submitted go on; start the same command again to collect them")
            return
        deadline = self._stop_policy.logs_until(interrupted)
        running, grace = list(self._state.running()), self._stop_policy.grace
        if running:
            told = counted(len(running), "job")
            log.warning("terminating %s, then waiting up to %.0f s for their logs", told, grace)
        with self._cloud.within(deadline - time.monotonic()) as cloud:
            self._terminate(cloud, running)
            while self._is_unsettled and (left := deadline - time.monotonic()) > 0:
                with suppress(queue.Empty):
                    self._handle(self._events.get(timeout=left))
                    self._drain()
                self._terminate(cloud, self._late)
                self._late.clear()

    @property
    def _is_unsettled(self) -> bool:
        """Whether jobs are still to end, or their output to come, or it is not known whether AWS has them."""
        unsettled = self._sending or self._fetching or any(self._state.running())
        return bool(unsettled) and not self._state.broken

    def _terminate(self, cloud: Cloud, running: Iterable[tuple[Job, str]]) -> None:
        if found := self._to_terminate(running):
            terminate(cloud, found, f"{PROG} was stopped")

    def _to_terminate(self, running: Iterable[tuple[Job, str]]) -> dict[str, str]:
        """The jobs as AWS id → name, in the order in which to terminate them; the journal knows it first."""
        # Those that wait go first, lest they start in the places of those that run.
        ordered = sorted(running, key=lambda one: self._state.of(one[0]).is_running)
        for job, aws_id in ordered:
            self._tell(Terminated(job, aws_id))
        self._journal.sync()
        return {aws_id: job.name for job, aws_id in ordered}

    def _drain(self) -> None:
        while not self._events.empty():
            self._handle(self._events.get())
