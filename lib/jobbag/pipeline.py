"""One run of a bag: the workers, the queue of events between them and the main thread, and the shutdown."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from jobbag.aws import Cloud
from jobbag.bag import Bag, Job
from jobbag.errors import AwsError, Interrupted, ToolError
from jobbag.events import Event, Lost, NotSubmitted, Staged, StagingFailed, StateChanged, Submitted
from jobbag.jobrequest import Target, submit_request
from jobbag.logs import LogFetcher, Paths
from jobbag.monitor import Monitor
from jobbag.report import Report
from jobbag.specs import S3Place
from jobbag.staging import Stager, Waiting
from jobbag.submission import Submitter

log = logging.getLogger(__name__)

Consumer = Callable[[Event], None]

GRACE = 30.0  # s for terminated jobs to end and their logs to come
TERMINATIONS_AT_ONCE = 8


class Pipeline:
    """Runs the jobs of a bag whose entities and bucket are ready.

    Workers only emit events; the main thread, inside `run`, hands each event to the consumers and then to the
    worker whose turn it is.
    """

    def __init__(
        self,
        cloud: Cloud,
        bag: Bag,
        place: S3Place,
        target: Target,
        report: Report,
        consumers: Sequence[Consumer],
        paths: Paths,
        *,
        bucket_is_new: bool,
    ) -> None:
        self._cloud = cloud
        self._bag = bag
        self._report = report
        self._consumers: tuple[Consumer, ...] = (report, *consumers)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        emit = self._events.put
        self._waiting = Waiting(bag)
        self._fetcher = LogFetcher(cloud, paths, emit)
        self._monitor = Monitor(cloud, emit)
        self._submitter = Submitter(cloud, lambda job: submit_request(job, bag, place, target), emit)
        self._stager = Stager(cloud, place, emit, bucket_is_new=bucket_is_new)

    def run(self) -> Interrupted | None:
        """Run until every job is done, or a worker cannot go on. Returns the signal that cut the run short."""
        with ExitStack() as stack:
            stack.enter_context(self._fetcher)
            stack.enter_context(self._monitor)
            stack.enter_context(self._submitter)
            stack.enter_context(self._stager)
            try:
                self._stager.send(self._bag.local_files())
                for job in self._waiting.ready:
                    self._submitter.submit(job)
                while not (self._report.complete or self._report.broken):
                    self._handle(self._events.get())
            except Interrupted as interrupted:
                self._stop(interrupted)
                return interrupted
        self._drain()
        return None

    def _handle(self, event: Event) -> None:
        for consumer in self._consumers:
            consumer(event)
        match event:
            case Staged(item=item):
                for job in self._waiting.arrived(item):
                    self._submitter.submit(job)
            case StagingFailed(item=item, error=error):
                for job in self._waiting.failed(item):
                    self._handle(NotSubmitted(job, error))
            case Submitted(job=job, aws_id=aws_id):
                self._monitor.watch(aws_id, job)
            case NotSubmitted(job=job, error=error):
                self._fetcher.fetch(job, "", None, f"it was not submitted: {error}")
            case StateChanged(job=job, aws_id=aws_id, observation=observation) if observation.ended:
                self._fetcher.fetch(job, aws_id, observation)
            case Lost(job=job, aws_id=aws_id, error=error):
                self._fetcher.fetch(job, aws_id, None, str(error))

    def _stop(self, interrupted: Interrupted) -> None:
        """Send nothing more, terminate what runs, and wait a while for its end and its logs."""
        log.warning("stopping (%s): no more jobs are sent; a second signal leaves at once", interrupted.exit_code.name)
        self._stager.close()
        self._submitter.close()
        self._drain()
        running = list(self._report.running())
        if not running:
            return
        log.warning("terminating %d jobs, then waiting up to %.0f s for their logs", len(running), GRACE)
        deadline = time.monotonic() + GRACE
        with ThreadPoolExecutor(TERMINATIONS_AT_ONCE) as pool:
            list(pool.map(self._terminate, running))
        while self._report.unsettled and not self._report.broken and (left := deadline - time.monotonic()) > 0:
            try:
                self._handle(self._events.get(timeout=left))
            except queue.Empty:
                break

    def _drain(self) -> None:
        while not self._events.empty():
            self._handle(self._events.get())

    def _terminate(self, running: tuple[Job, str]) -> None:
        job, aws_id = running
        try:
            self._cloud.call("batch", "TerminateJob", jobId=aws_id, reason="pegasus-aws-batch was stopped")
        except ToolError as error:
            about = error.about(f"job {job.name} ({aws_id})") if isinstance(error, AwsError) else error
            log.error("%s; it may still be running", about)
