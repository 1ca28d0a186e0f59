"""TerminateJobs, fifty jobs a call, within the time that there is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from jobbag.aws.client import Cloud
from jobbag.batches import batches
from jobbag.errors import AwsError, Cancelled
from jobbag.events.events import Emit, worker_failed
from jobbag.threads import DueQueue, Worker

log = logging.getLogger(__name__)

JOBS_PER_CALL = 50


class Terminator(Worker):
    """Terminates jobs, while the run goes on. Leaving it drops the rest."""

    name = "termination"

    def __init__(self, cloud: Cloud, emit: Emit) -> None:
        super().__init__(worker_failed(emit))
        self._cloud = cloud.cancelled_by(self.stopped)
        self._due: DueQueue[tuple[str, str, str]] = DueQueue()  # AWS id, name, reason

    def close(self, seconds: float | None = None) -> None:
        """Terminate nothing more."""
        self._due.close()
        super().close(seconds)

    def terminate(self, jobs: Mapping[str, str], reason: str) -> None:
        """Ask AWS soon to stop jobs, given as AWS id → name. Logs those that were not reached."""
        now = time.monotonic()
        for aws_id, name in jobs.items():
            self._due.put(now, (aws_id, name, reason))

    def work(self) -> None:
        """Terminate the jobs that are due, as many with one call as it takes."""
        while tasks := self._due.get_all(JOBS_PER_CALL):
            left = _targets({aws_id: name for aws_id, name, _ in tasks})
            _terminate(self._cloud, left, tasks[0][2])
            _tell(left)


def terminate(cloud: Cloud, jobs: Mapping[str, str], reason: str) -> None:
    """Ask AWS to stop jobs, given as AWS id → name. Logs those that were not reached."""
    left = _targets(jobs)
    with suppress(Cancelled):
        _terminate(cloud, left, reason)
    _tell(left)


def _targets(jobs: Mapping[str, str]) -> dict[str, str]:
    """Of an array job all children are stopped, with one request."""
    found: dict[str, str] = {}
    for aws_id, name in jobs.items():
        found.setdefault(aws_id.partition(":")[0], name)
    return found


def _tell(left: Mapping[str, str]) -> None:
    for aws_id, name in left.items():
        log.error("job %s (%s) could not be terminated; it may still be running", name, aws_id)


def _terminate(cloud: Cloud, left: dict[str, str], reason: str) -> None:
    """Remove from `left` what is terminated."""
    for batch in batches(list(left), JOBS_PER_CALL):
        try:
            answer = cloud.call("batch", "TerminateJobs", jobs=batch, reason=reason)
        except AwsError as error:
            if error.code in ("AccessDeniedException", "AccessDenied"):
                log.error("%s", error)
                return
            # AWS look-alikes and older endpoints know the single call only.
            log.debug("%s; terminating one by one", error)
            _one_by_one(cloud, batch, left, reason)
            continue
        refused = {one["job"]: one["message"] for one in answer.get("errors", ())}
        for aws_id, message in refused.items():
            log.error("job %s (%s): %s", left.get(aws_id), aws_id, message)
        for aws_id in set(batch) - refused.keys():
            left.pop(aws_id)


def _one_by_one(cloud: Cloud, ids: Iterable[str], left: dict[str, str], reason: str) -> None:
    for aws_id in ids:
        try:
            cloud.call("batch", "TerminateJob", jobId=aws_id, reason=reason)
        except AwsError as error:
            log.error("%s", error.about(f"job {left[aws_id]} ({aws_id})"))
        else:
            left.pop(aws_id)
