"""How a run ends before its time: halted by its safeguards, or stopped by a signal."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Protocol

from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.errors import PROG, Interrupted
from jobbag.events.causes import HALTED_BY
from jobbag.events.events import Event, NotTerminated, Terminated
from jobbag.events.journal import Journal
from jobbag.events.state import RunState
from jobbag.jobs.termination import still_running, terminate
from jobbag.options.settings import Settings
from jobbag.run.workers import Workers
from jobbag.signals import StopPolicy
from jobbag.text import counted

log = logging.getLogger(__name__)

Running = Iterable[tuple[Job, str]]  # jobs that AWS has, with their AWS ids


def policy_of(settings: Settings) -> StopPolicy:
    """What the user wants a signal to lead to."""
    return StopPolicy(settings.on_interrupt == "detach", settings.grace, local=settings.local)


class Loop(Protocol):
    """The main thread, which alone reads the events of a run."""

    def tell(self, event: Event) -> None:
        """Hand an event to the consumers, and do nothing about it."""

    def handle_next(self, seconds: float) -> None:
        """Handle the next event and those that are there by then; the wait for it ends after so many seconds."""

    def drain(self) -> None:
        """Handle the events that are there."""

    @property
    def is_unsettled(self) -> bool:
        """Whether jobs are still to end, or their output to come, or it is not known whether AWS has them."""


class Shutdown:
    """Stops jobs, in AWS and on their way there, and waits for what comes of that."""

    def __init__(
        self, cloud: Cloud, state: RunState, journal: Journal, workers: Workers, loop: Loop, policy: StopPolicy
    ) -> None:
        self._cloud = cloud
        self._state = state
        self._journal = journal
        self._workers = workers
        self._loop = loop
        self._policy = policy
        self._late: list[tuple[Job, str]] = []

    def halt(self, reason: str) -> None:
        """Send nothing more, and terminate what is sent; then the run goes on to its end."""
        self._workers.submitter.recall(reason)
        self.end(self._state.running(), reason)
        self._workers.uploader.cancel()

    def end(self, running: Running, reason: str) -> None:
        """Terminate jobs of a run that is halted, in a thread beside this one."""
        self._workers.terminator.terminate(self._to_terminate(running), f"{HALTED_BY}: {reason}")

    def came_late(self, job: Job, aws_id: str) -> None:
        """While the run is being stopped, AWS was found to have this job, too."""
        self._late.append((job, aws_id))

    def stop(self, interrupted: Interrupted) -> None:
        """Send nothing more; then leave the jobs alone, or terminate them and wait a while for their logs."""
        log.warning("%s: no more jobs are sent; a second signal leaves at once", interrupted.name)
        self._workers.uploader.cancel()
        self._workers.submitter.send_no_more()
        if self._policy.detaches(interrupted):
            self._workers.submitter.close(self._policy.grace / 2)
            self._loop.drain()
            log.warning("the jobs that are submitted go on; start the same command again to collect them")
            return
        deadline = self._policy.logs_until(interrupted)
        running = self._running_now(interrupted)
        if running:
            told = counted(len(running), "job")
            log.warning("terminating %s, then waiting up to %.0f s for their logs", told, self._policy.grace)
        with self._cloud.within(deadline - time.monotonic()) as cloud:
            self._terminate(cloud, running)
            while self._loop.is_unsettled and (left := deadline - time.monotonic()) > 0:
                self._loop.handle_next(left)
                self._terminate(cloud, self._late)
                self._late.clear()

    def _running_now(self, interrupted: Interrupted) -> list[tuple[Job, str]]:
        """The jobs that run; AWS is asked where nobody has looked at them for long, as nobody held the run."""
        running = list(self._state.running())
        if not interrupted.unheld:
            return running
        alive = set(still_running(self._cloud, [aws_id for _, aws_id in running]))
        return [(job, aws_id) for job, aws_id in running if aws_id in alive]

    def _terminate(self, cloud: Cloud, running: Running) -> None:
        if found := self._to_terminate(running):
            for aws_id in terminate(cloud, found, f"{PROG} was stopped"):
                self._loop.tell(NotTerminated(found[aws_id], aws_id))

    def _to_terminate(self, running: Running) -> dict[str, Job]:
        """The jobs by AWS id, in the order in which to terminate them; the journal knows it first."""
        # Those that wait go first, lest they start in the places of those that run.
        ordered = sorted(running, key=lambda one: self._state.of(one[0]).is_running)
        for job, aws_id in ordered:
            self._loop.tell(Terminated(job, aws_id))
        self._journal.sync()
        return {aws_id: job for job, aws_id in ordered}
