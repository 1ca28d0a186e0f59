"""The threads of a run: who does what beside the main thread."""

from __future__ import annotations

from contextlib import ExitStack

from jobbag.bag.job import Job
from jobbag.events import remarks
from jobbag.events.consumers import Emit
from jobbag.events.escalation import Sending
from jobbag.events.outcome import Outcome
from jobbag.events.state import RunState
from jobbag.jobs.monitor import Monitor
from jobbag.jobs.queue_watch import QueueWatch
from jobbag.jobs.submission import Submitter
from jobbag.jobs.termination import Terminator
from jobbag.logs.ending import ending_in_log
from jobbag.logs.fetcher import LogFetcher
from jobbag.logs.follower import Follower
from jobbag.logs.part_files import Places
from jobbag.options.settings import Settings
from jobbag.run.safeguards import CostWatch, bound_of
from jobbag.run.task import TaskOnAws
from jobbag.s3.in_flight import InFlight, possible
from jobbag.s3.result_files import ResultFiles
from jobbag.s3.results import Results
from jobbag.s3.uploads import Uploader
from jobbag.threads import Worker, share_heaps


class Workers:
    """The workers of a run. A context manager: leaving it ends them, those that send something first."""

    def __init__(
        self,
        task: TaskOnAws,
        settings: Settings,
        places: Places,
        state: RunState,
        emit: Emit,
        *,
        bucket_is_new: bool,
    ) -> None:
        """`places` says where output is written; `state` is what is known of the jobs."""
        in_flight = InFlight(possible(settings.transfers))
        self.uploader = Uploader(task.cloud, task.place, task.bag, emit, in_flight, bucket_is_new=bucket_is_new)
        self.submitter = Submitter(task.cloud, emit)
        self.terminator = Terminator(task.cloud, emit)
        queue_watch = QueueWatch(task.cloud, emit)
        self.monitor = Monitor(task.cloud, emit, queue_watch.saw, ending_in_log)
        self.results = None
        if settings.results is not None:
            files = ResultFiles(settings.results, task.bag)
            self.results = Results(task.cloud, task.place, task.bag, files, emit, in_flight, state.results.etags)
        self.follower = Follower(task.cloud, emit, lambda job: settings.follows(job.name, job.sent_name))
        self.fetcher = LogFetcher(task.cloud, places, emit, self.follower.reading)
        results = [] if self.results is None else [self.results]
        bound = bound_of(settings, state.costs)
        self._in_order: tuple[Worker | Uploader, ...] = (
            self.fetcher, *results, self.follower, queue_watch, self.monitor, self.terminator, self.submitter,
            self.uploader, *([] if bound is None else [CostWatch(bound, lambda: _goes_on(state), emit)]),
        )  # fmt: skip
        self._stack = ExitStack()
        self._ending = False  # the last results are being fetched

    def __enter__(self) -> Workers:
        share_heaps()
        with ExitStack() as stack:  # ends those that have begun, should one of them fail to
            for worker in self._in_order:
                stack.enter_context(worker)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def watch(self, job: Job, state: RunState) -> None:
        """Have a job followed that AWS Batch has."""
        outcome = state.of(job)
        self.monitor.watch(outcome.aws_id, job, outcome.observation, _mark_of(job, outcome))

    def fetch(self, job: Job, state: RunState) -> None:
        """Have the output of a job that is over, or lost, written to its files."""
        outcome = state.of(job)
        observation = outcome.observation if outcome.ended or outcome.has_log else None
        reason, remark = remarks.why_no_log(state, job), remarks.remark(state, job)
        ended = None
        if observation is not None and not observation.more_logs:  # others might write after the end of the job
            ended = self.monitor.here(observation.stopped)
        mark, before = (
            _mark_of(job, outcome),
            [(log, _mark_of(job, one)) for one in outcome.earlier for log in one.logs],
        )
        self.fetcher.fetch(job, outcome.aws_id, observation, reason, remark, mark, ended, before)
        if self.results is not None and observation is not None:
            self.results.fetch(job, observation.created)

    def have_fetched_results(self, state: RunState) -> bool:
        """Whether all results are here that are wanted; if not, have those fetched that are left.

        For the time when no job runs any more.
        """
        if self.results is not None and not self._ending:
            self._ending = True
            seen = ((job, state.of(job).observation) for job in reversed(state.bag.jobs))
            self.results.finish({job.sent_name: one.created for job, one in seen if one is not None})
        return self.results is None or state.results.looked_for


def _goes_on(state: RunState) -> bool:
    """Whether a job runs, or may still be sent."""
    return not state.complete and (state.has_to_send or any(state.running()))


def _mark_of(job: Job, sent: Outcome | Sending) -> str | None:
    """The token of the end mark in a job's log, if the launcher starts it."""
    return sent.token if job.launcher else None
