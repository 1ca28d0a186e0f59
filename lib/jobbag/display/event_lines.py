"""The events of a run, in the log of the tool as they come."""

from __future__ import annotations

import logging

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

log = logging.getLogger(__name__)


class EventLines:
    """A consumer of events that logs them."""

    def __init__(self, success: int = logging.INFO) -> None:
        """`success`: the level at which the success of a job is logged."""
        self._success = success
        self._halted = False

    def __call__(self, event: Event) -> None:
        match event:
            case Staged():
                there = "" if event.sent else " already, with this content"
                log.debug("%s is in S3 as %s%s", event.item, event.key, there)
            case StagingFailed():
                log.error("%s", event.error)
            case Submitted():
                log.debug("job %s is submitted as %s", event.job.name, event.aws_id)
            case StateChanged(observation=Observation(status="FAILED") as seen):
                log.info("job %s (%s) is FAILED: %s", event.job.name, event.aws_id, _why(seen))
            case StateChanged():
                level = self._success if event.observation.ended else logging.DEBUG
                log.log(level, "job %s (%s) is %s", event.job.name, event.aws_id, event.observation.status)
            case NotSubmitted() | Lost():
                log.error("job %s: %s", event.job.name, event.error)
            case JobsWaiting():
                log.log(logging.WARNING if event.wrong else logging.INFO, "%s", event.reason)
            case Halted():
                self._halted = True
                log.error("%s: no more jobs are sent, and those that have not ended are terminated", event.reason)
            case LogsWritten():
                log.debug("job %s: %d lines of output are on disk", event.job.name, event.lines)
                if event.note:  # which is the same for all jobs of a halted run
                    log.log(
                        logging.DEBUG if self._halted else logging.WARNING, "job %s: %s", event.job.name, event.note
                    )
            case ResultFetched():
                log.debug("job %s: the result %s is in %s", event.job.name, event.key, event.path)
            case ResultStays():
                log.warning("job %s: the result %s stays in S3: %s", event.job.name, event.key, event.reason)
            case ResultFailed():
                log.error("%s", event.error)
            case WorkerFailed():
                log.debug("the %s stopped", event.worker, exc_info=event.error)


def _why(failed: Observation) -> str | None:
    code = f"exit code {failed.exit_code}" if failed.exit_code is not None else "no exit code"
    return joined(code, failed.reason)
