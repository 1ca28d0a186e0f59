"""Tells the events of a run as they come: in the jobstate log, and in the log of the tool."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from jobbag.bag import Job
from jobbag.events import (
    STATES,
    Event,
    Halted,
    Held,
    LogsWritten,
    Lost,
    NotSubmitted,
    Observation,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    WorkerFailed,
    joined,
)
from jobbag.records import jobstate_line

log = logging.getLogger(__name__)


class JobStateLog:
    """A consumer: appends a line for each state that a job is first seen in to `<prefix>.jobstate.log`."""

    def __init__(self, path: Path, earlier: Sequence[Event] = ()) -> None:
        """`earlier`: of a start that may have been killed before it could write all its lines."""
        self._file: TextIO = path.open("a+", encoding="utf-8", errors="replace")
        self._seen: dict[str, int] = {}  # by AWS id: the states seen, a bit each
        if earlier:
            self._read()
        for event in earlier:
            self(event)

    def _read(self) -> None:
        """Know the lines that are there; end the file with the last whole one."""
        self._file.seek(0)
        whole = 0
        for line in self._file.buffer:
            if line.endswith(b"\n"):
                whole += len(line)
                state, _, aws_id = line.decode(errors="replace").rstrip("\n").rpartition(" ")
                self._is_new(state.rpartition(" ")[2], aws_id)
        self._file.truncate(whole)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Submitted):
            self._write(event.at, event.job, "SUBMITTED", event.aws_id)
        elif isinstance(event, StateChanged):
            self._write(event.at, event.job, event.observation.status, event.aws_id)

    def _write(self, at: int, job: Job, state: str, aws_id: str) -> None:
        if self._is_new(state, aws_id):  # else AWS Batch has started the job again
            self._file.write(jobstate_line(at, job.name, state, aws_id) + "\n")
            self._file.flush()

    def _is_new(self, state: str, aws_id: str) -> bool:
        bit = 1 << STATES.index(state) if state in STATES else 0
        seen = self._seen.get(aws_id, 0)
        self._seen[aws_id] = seen | bit
        return not seen & bit

    def __enter__(self) -> JobStateLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class Narrator:
    """A consumer: tells in the log what happens."""

    def __init__(self, success: int = logging.INFO) -> None:
        """`success`: at which level it is told that a job succeeded."""
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
            case Held():
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
            case WorkerFailed():
                log.debug("the %s stopped", event.worker, exc_info=event.error)


def _why(failed: Observation) -> str | None:
    code = f"exit code {failed.exit_code}" if failed.exit_code is not None else "no exit code"
    return joined(code, failed.reason)
