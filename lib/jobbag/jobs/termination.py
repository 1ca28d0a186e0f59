"""TerminateJobs, fifty jobs a call, within the time that there is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from jobbag.aws.client import IDS_PER_CALL, Cloud
from jobbag.bag.job import Job
from jobbag.batches import batches
from jobbag.errors import AwsError, Cancelled
from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.events import NotTerminated
from jobbag.events.observation import ENDED
from jobbag.jobs.ids import parent_of
from jobbag.threads import DueQueue, Worker

log = logging.getLogger(__name__)

JOBS_PER_CALL = 50


class Terminator(Worker):
    """Terminates jobs, while the run goes on. Leaving it drops the rest."""

    name = "termination"

    def __init__(self, cloud: Cloud, emit: Emit) -> None:
        super().__init__(worker_failed(emit))
        self._cloud = cloud.cancelled_by(self.stopped)
        self._emit = emit
        self._due: DueQueue[tuple[str, Job, str]] = DueQueue()  # AWS id, job, reason

    def close(self, seconds: float | None = None) -> None:
        """Terminate nothing more."""
        self._due.close()
        super().close(seconds)

    def terminate(self, jobs: Mapping[str, Job], reason: str) -> None:
        """Ask AWS soon to stop jobs, given by AWS id; each that AWS refuses to stop gives a NotTerminated."""
        now = time.monotonic()
        for aws_id, job in jobs.items():
            self._due.put(now, (aws_id, job, reason))

    def work(self) -> None:
        """Terminate the jobs that are due, as many with one call as it takes."""
        while tasks := self._due.get_all(JOBS_PER_CALL):
            jobs = {aws_id: job for aws_id, job, _ in tasks}
            request = _Request(self._cloud, jobs, tasks[0][2])
            request.make()
            for aws_id in request.tell():
                self._emit(NotTerminated(jobs[aws_id], aws_id))


def terminate(cloud: Cloud, jobs: Mapping[str, Job], reason: str) -> list[str]:
    """Ask AWS to stop jobs, given by AWS id, as far as there is time. Logs those that were not reached.

    Returns the AWS ids of those that AWS refused to stop.
    """
    request = _Request(cloud, jobs, reason)
    with suppress(Cancelled):
        request.make()
    return request.tell()


def still_running(cloud: Cloud, ids: Sequence[str]) -> list[str]:
    """Those of the jobs that have not ended. AWS shows a job no more some time after its end."""
    shown = (cloud.call("batch", "DescribeJobs", jobs=some)["jobs"] for some in batches(ids, IDS_PER_CALL))
    return [detail["jobId"] for details in shown for detail in details if detail["status"] not in ENDED]


class _Request:
    """To stop some jobs. Of an array job all children are stopped, with one request."""

    def __init__(self, cloud: Cloud, jobs: Mapping[str, Job], reason: str) -> None:
        self._cloud = cloud
        self._jobs = jobs
        self._reason = reason
        self._left = _targets(jobs)
        self._refused: set[str] = set()

    def make(self) -> None:
        """Ask AWS. Raises Cancelled."""
        for batch in batches(list(self._left), JOBS_PER_CALL):
            if not self._by_one_call(batch):
                break

    def tell(self) -> list[str]:
        """Log what was not reached; gives the AWS ids of the jobs that AWS refused to stop."""
        for aws_id, job in self._left.items():
            log.error("job %s (%s) could not be terminated; it may still be running", job.name, aws_id)
        return [aws_id for aws_id in self._jobs if (parent_of(aws_id) or aws_id) in self._refused]

    def _by_one_call(self, ids: list[str]) -> bool:
        """Stop jobs; false if these credentials may stop none."""
        try:
            answer = self._cloud.call("batch", "TerminateJobs", jobs=ids, reason=self._reason)
        except AwsError as error:
            if error.code in ("AccessDeniedException", "AccessDenied"):
                log.error("%s", error)
                self._refused.update(self._left)
                return False
            # AWS look-alikes and older endpoints know the single call only.
            log.debug("%s; terminating one by one", error)
            self._one_by_one(ids)
            return True
        for one in answer.get("errors", ()):
            self._refuse(one["job"], one["message"])
        for aws_id in set(ids) - self._refused:
            self._left.pop(aws_id)
        return True

    def _one_by_one(self, ids: Iterable[str]) -> None:
        for aws_id in ids:
            try:
                self._cloud.call("batch", "TerminateJob", jobId=aws_id, reason=self._reason)
            except AwsError as error:
                self._refuse(aws_id, str(error))
            else:
                self._left.pop(aws_id)

    def _refuse(self, aws_id: str, why: str) -> None:
        self._refused.add(aws_id)
        job = self._left.get(aws_id)
        log.error("job %s (%s): %s", job.name if job else "of another run", aws_id, why)


def _targets(jobs: Mapping[str, Job]) -> dict[str, Job]:
    """What AWS is asked to stop, each with the first of its jobs: for children their array job."""
    found: dict[str, Job] = {}
    for aws_id, job in jobs.items():
        found.setdefault(parent_of(aws_id) or aws_id, job)
    return found
