"""The bag and its jobs, as values that do not change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INPUTS_VARIABLE = "TRANSFER_INPUT_FILES"
FILE_TYPE = "BATCH_FILE_TYPE"  # of the fetch-and-run protocol


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the bag.

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

    @property
    def where(self) -> str:
        """How messages name the job: the submit file and its name."""
        return f'{self.submit_file}: job "{self.name}"'

    @property
    def takes_parameters(self) -> bool:
        """Whether AWS Batch is to put `parameters` into its command, or to refuse it for want of them."""
        return any("Ref::" in word for word in (self.executable, *self.arguments))


@dataclass(frozen=True)
class Bag:
    """The jobs of a run, and the files that all of them need (`--files`), as local paths and s3:// URLs."""

    jobs: tuple[Job, ...]
    common: tuple[str, ...]

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
