"""The bag and its jobs, as values that do not change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

INPUTS_VARIABLE = "TRANSFER_INPUT_FILES"
FILE_TYPE = "BATCH_FILE_TYPE"  # of the fetch-and-run protocol


@dataclass(frozen=True, slots=True)
class Child:
    """The place of a job in an array that its submit file asks for (`arrayProperties`)."""

    array: str  # the name of the array in the submit file
    index: int  # from 0
    size: int  # children of the array


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the bag, or one child of an array of the user's own; the children of such an array stand together.

    `number` counts from 1 in the order of the submit files. `inputs` are local paths and s3:// URLs, as given.
    `request` holds the job's other fields of the SubmitJob API, which win over the tool's defaults.
    """

    number: int
    name: str
    executable: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    inputs: tuple[str, ...]
    request: Mapping[str, Any]
    submit_file: Path
    depends_on: tuple[str, ...] = ()  # names of jobs of the bag, which must succeed first
    launcher: bool = False  # whether the launcher starts it in its container (the manual page, THE LAUNCHER)
    child: Child | None = None  # of an array of the user's own; None: it is in none

    @property
    def where(self) -> str:
        """How messages name the entry of the job in its submit file."""
        return f'{self.submit_file}: job "{self.sent_name}"'

    @property
    def sent_name(self) -> str:
        """Its name in the submit file, which children of an array of the user's own share in AWS Batch, too."""
        return self.child.array if self.child else self.name

    @property
    def takes_parameters(self) -> bool:
        """Whether AWS Batch is to put `parameters` into its command, or to refuse it for want of them."""
        return any("Ref::" in word for word in (self.executable, *self.arguments))


@dataclass(frozen=True)
class Bag:
    """The jobs of a run, and the files that all of them need (`--files`), as local paths and s3:// URLs."""

    jobs: tuple[Job, ...]
    common: tuple[str, ...]

    @cached_property
    def _by_name(self) -> Mapping[str, Job]:
        """The jobs, and by the name of an array its first child."""
        arrays = {job.sent_name: job for job in self.jobs if job.child is not None and job.child.index == 0}
        return {**arrays, **{job.name: job for job in self.jobs}}

    def named(self, name: str) -> Sequence[Job]:
        """The job of this name, or the children of the array of this name; none if there are neither."""
        found = self._by_name.get(name)
        return () if found is None else (found,) if found.name == name else self.siblings(found)

    def siblings(self, job: Job) -> Sequence[Job]:
        """All children of the user's own array in which the job is; the job alone if it is in none."""
        if job.child is None:
            return (job,)
        first = job.number - 1 - job.child.index
        return self.jobs[first : first + job.child.size]

    def local_files(self) -> list[str]:
        """All local files to send, the common ones first, each once."""
        items = (*self.common, *(item for job in self.jobs for item in job.inputs))
        return [item for item in dict.fromkeys(items) if not is_url(item)]


def is_url(item: str) -> bool:
    """Whether an input is in S3 already."""
    return item.startswith("s3://")


def base_name(item: str) -> str:
    """The last part of a local input's path: its name in S3, below the key prefix."""
    return os.path.basename(item)
