"""The summary of a run as Python values, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from jobbag.errors import InputError
from jobbag.events.outcome import Verdict
from jobbag.report.summary import Ended, jobs, overview


@dataclass(frozen=True, slots=True)
class JobSummary:
    """What came of a job. `started` and `stopped` are in ms since the epoch; None: it never ran, or it is not known.

    `out` and `err` are the files with its output, relative to the working directory of the run, and `results` those
    that came home. `tail` is the end of its output, where that is kept. `attempts`: how often AWS Batch has started it.
    `memory` is what it asked for at last, and `memory_used` the most that its last attempt used, both in MiB;
    `memory_of`: all of its "container" together, or its largest "process". What it used is known of jobs that the
    launcher has started.
    """

    name: str
    verdict: Verdict
    exit_code: int | None
    reason: str | None
    aws_id: str | None
    started: int | None
    stopped: int | None
    attempts: int
    memory: int | None
    memory_used: int | None
    memory_of: str | None
    out: Path
    err: Path
    results: tuple[Path, ...]
    tail: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Whether it did."""
        return self.verdict is Verdict.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs there are, and how many came to which end."""

    jobs: int
    succeeded: int
    failed: int
    stopped: int
    not_run: int


@dataclass(frozen=True, slots=True)
class Cause:
    """Why so many jobs did not succeed, and what to do."""

    cause: str
    advice: str
    count: int


@dataclass(frozen=True)
class Summary:
    """What came of a run. `started` and `ended` are in ms since the epoch.

    `exit_status` is that of the command. `complete`: all jobs are done, and their output is there. `signal` is what has
    stopped the run, if something has. `errors` are about no single job.
    """

    run: str
    region: str
    exit_status: int
    complete: bool
    signal: str | None
    started: int
    ended: int
    counts: Counts
    causes: tuple[Cause, ...]
    errors: tuple[str, ...]
    notes: tuple[str, ...]
    jobs: tuple[JobSummary, ...]

    @property
    def succeeded(self) -> bool:
        """Whether all is well: every job has succeeded, and its output is here."""
        return self.exit_status == 0

    @cached_property
    def _by_name(self) -> dict[str, JobSummary]:
        return {job.name: job for job in self.jobs}

    def __getitem__(self, name: str) -> JobSummary:
        """The job of this name. Raises KeyError."""
        return self._by_name[name]

    @classmethod
    def of(cls, end: Ended) -> Summary:
        """That of a run which has just ended."""
        return _summary(overview(end), map(_job, jobs(end)))

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Summary:
        """That of a file which `--summary` has written. Raises InputError."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            return _summary(content, map(_job, content["jobs"]))
        except OSError as error:
            raise InputError.of(str(path), f"cannot read the summary: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError.of(str(path), f"is no summary of a run: {type(error).__name__}: {error}") from None


def _summary(told: Mapping[str, Any], of_jobs: Any) -> Summary:
    return Summary(
        run=told["run"],
        region=told["region"],
        exit_status=told["exit_code"],
        complete=told["complete"],
        signal=told["signal"],
        started=told["started"],
        ended=told["ended"],
        counts=Counts(*(told["counts"][one.name] for one in fields(Counts))),
        causes=tuple(Cause(one["cause"], one["advice"], one["count"]) for one in told["causes"]),
        errors=tuple(told["errors"]),
        notes=tuple(told["notes"]),
        jobs=tuple(of_jobs),
    )


def _job(told: Mapping[str, Any]) -> JobSummary:
    return JobSummary(
        name=told["name"],
        verdict=Verdict(told["outcome"]),
        exit_code=told["exit_code"],
        reason=told["reason"],
        aws_id=told["aws_id"],
        started=told["started"],
        stopped=told["stopped"],
        attempts=len(told["attempts"]),
        memory=told["memory"],
        memory_used=told["memory_used"],
        memory_of=told["memory_of"],
        out=Path(told["out"]),
        err=Path(told["err"]),
        results=tuple(map(Path, told["results"])),
        tail=tuple(told["tail"]),
    )
