"""Where the jobs' output files go: one pair a job, or all merged into one pair in the order of the bag."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from jobbag.bag import Job
from jobbag.events import Event, LogsWritten


class Outputs(Protocol):
    """A consumer of events that also says where a job's files are written."""

    def __call__(self, event: Event) -> None: ...

    def paths(self, job: Job) -> tuple[Path, Path]:
        """The .out and the .err file that the log fetcher writes for a job."""

    def prepare(self) -> None:
        """Make what the files need."""

    def finish(self, summary: Callable[[], str]) -> None:
        """All jobs are done; `summary` gives the record that ends a merged file."""

    @property
    def description(self) -> str:
        """For people: where the outputs are."""


class JobFiles:
    """Each job has its own jobName.out and jobName.err in the working directory."""

    def __call__(self, event: Event) -> None:
        pass  # the files are in place when the event comes

    def paths(self, job: Job) -> tuple[Path, Path]:
        return Path(f"{job.name}.out"), Path(f"{job.name}.err")

    def prepare(self) -> None:
        pass

    def finish(self, summary: Callable[[], str]) -> None:
        pass

    @property
    def description(self) -> str:
        return f"{Path.cwd()}/<job name>.out and .err"


class MergedFiles:
    """All jobs in PREFIX.out and PREFIX.err, in the order of the submit files.

    A finished job waits in a directory of parts until all jobs before it are done. The merged files appear by
    rename, whole: HTCondor may have the old ones open for what the tool itself prints.
    """

    def __init__(self, prefix: Path, first: int) -> None:
        self._targets = [prefix.with_name(f"{prefix.name}.{ending}") for ending in ("out", "err")]
        self._parts = prefix.with_name(f"{prefix.name}.parts")
        self._next = first  # the number of the job whose turn it is
        self._done: dict[int, LogsWritten] = {}
        self._files: list[BinaryIO] = []

    def paths(self, job: Job) -> tuple[Path, Path]:
        return self._parts / f"{job.number}.out", self._parts / f"{job.number}.err"

    def prepare(self) -> None:
        """Make the directory of parts, and the files that become the merged ones."""
        self._parts.mkdir(exist_ok=True)
        self._files = [self._unfinished(target).open("wb") for target in self._targets]

    def __call__(self, event: Event) -> None:
        if not isinstance(event, LogsWritten):
            return
        self._done[event.job.number] = event
        while (written := self._done.pop(self._next, None)) is not None:
            self._append(written)
            self._next += 1

    def _append(self, written: LogsWritten) -> None:
        for part, merged in zip((written.out, written.err), self._files, strict=True):
            with open(part, "rb") as file:
                shutil.copyfileobj(file, merged, 1024 * 1024)
            part.unlink()

    def finish(self, summary: Callable[[], str]) -> None:
        for number in sorted(self._done):  # of a run that was cut short: behind a gap
            self._append(self._done.pop(number))
        self._files[0].write(summary().encode() + b"\n")
        for file, target in zip(self._files, self._targets, strict=True):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(self._unfinished(target), target)
        with suppress(OSError):  # not empty: what is in it is not of this run
            self._parts.rmdir()

    @staticmethod
    def _unfinished(target: Path) -> Path:
        return target.with_name(f"{target.name}.part")

    @property
    def description(self) -> str:
        return f"{self._targets[0]} and {self._targets[1]}"
