"""The bag and its jobs, as values that do not change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jobbag.bag.directory import content_of, is_directory
from jobbag.bag.rules import MoreMemory, OtherQueue

INPUTS_VARIABLE = "TRANSFER_INPUT_FILES"
FILE_TYPE = "BATCH_FILE_TYPE"  # of the fetch-and-run protocol
JOB_SCHEME = "job:"


@dataclass(frozen=True, slots=True)
class Child:
    """The place of a job in an array that its submit file asks for (`arrayProperties`)."""

    array: str  # the name of the array in the submit file
    index: int  # from 0
    size: int  # children of the array


@dataclass(frozen=True, slots=True)
class Item:
    """One of a job's `inputs`, and where it lands in the working directory, "/" between the parts of the path.

    `source` is the path of a local file or directory, an s3:// URL, or job:NAME/PATH: a result of another job.
    """

    source: str
    target: str

    @property
    def of_job(self) -> tuple[str, str] | None:
        """The name of the job whose result it is, and the path below the results of that; None if it is none."""
        if not self.source.startswith(JOB_SCHEME):
            return None
        name, _, path = self.source[len(JOB_SCHEME) :].partition("/")
        return name, path

    @property
    def is_local(self) -> bool:
        """Whether it is to be sent."""
        return not self.source.startswith((JOB_SCHEME, "s3://"))


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the bag, or one child of an array of the user's own; the children of such an array stand together.

    `number` counts from 1 in the order of the submit files. `inputs` are the local paths and s3:// URLs of
    TRANSFER_INPUT_FILES, as given; `items` are those of the field `inputs`. `outputs` are files, directories (with a
    "/" at the end) and globs, relative to the working directory.
    `request` holds the job's other fields of the SubmitJob API, which win over the tool's defaults.
    `on_out_of_memory` and `on_spot_loss` say when it is to be sent again, and how; None: never for that.
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
    items: tuple[Item, ...] = ()
    outputs: tuple[str, ...] = ()
    on_out_of_memory: MoreMemory | None = None
    on_spot_loss: OtherQueue | None = None

    @property
    def where(self) -> str:
        """How messages name the entry of the job in its submit file."""
        return f'{self.submit_file}: job "{self.sent_name}"'

    @property
    def sent_name(self) -> str:
        """Its name in the submit file, which children of an array of the user's own share in AWS Batch, too."""
        return self.child.array if self.child else self.name

    @property
    def has_rules(self) -> bool:
        """Whether it may be sent again after it has failed."""
        return self.on_out_of_memory is not None or self.on_spot_loss is not None

    @property
    def has_local_inputs(self) -> bool:
        """Whether something has to be sent for it alone."""
        return any(not is_url(item) for item in self.inputs) or any(item.is_local for item in self.items)

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

    @cached_property
    def plain_files(self) -> Mapping[str, None]:
        """The local files of --files and TRANSFER_INPUT_FILES, each once. In S3 they have their base names."""
        items = (*self.common, *(item for job in self.jobs for item in job.inputs))
        return dict.fromkeys(item for item in items if not is_url(item))

    def local_files(self) -> list[str]:
        """All local files and directories to send, the common ones first, each once."""
        more = (item.source for job in self.jobs for item in job.items if item.is_local)
        return list(dict.fromkeys([*self.plain_files, *more]))

    def needs(self, job: Job) -> list[str]:
        """The local files and directories that a job needs, each once."""
        items = (*self.common, *job.inputs)
        local = (item for item in items if not is_url(item))
        return list(dict.fromkeys([*local, *(item.source for item in job.items if item.is_local)]))

    def name_in_s3(self, item: str) -> str:
        """The key of a local file below the key prefix."""
        return base_name(item) if item in self.plain_files else inputs_key(item)

    def files_of(self, item: str) -> list[tuple[str, str]]:
        """The files that a local input is, and the key of each below the key prefix. Raises OSError."""
        paths = [file.path for file in content_of(item).files] if self.is_directory(item) else [item]
        return [(path, self.name_in_s3(path)) for path in paths]

    def is_directory(self, item: str) -> bool:
        """Whether a local input is a directory; of --files and TRANSFER_INPUT_FILES, none is."""
        return item not in self.plain_files and is_directory(item)

    @cached_property
    def _sources(self) -> frozenset[str]:
        return frozenset(item.source for job in self.jobs for item in job.items if item.is_local)

    def is_executable(self, item: str) -> bool | None:
        """Whether a local file is executable in jobs, too; None: its mode does not travel, or it is a directory."""
        return os.access(item, os.X_OK) if item in self._sources and not is_directory(item) else None

    def paths_of(self, item: str) -> list[str]:
        """The files that a local input is, as far as it can be read."""
        with suppress(OSError):
            return [path for path, _ in self.files_of(item)]
        return []

    def keys_of(self, item: str) -> list[str]:
        """The keys below the key prefix of all that is sent for a local input, as far as it can be read."""
        keys = list(map(self.name_in_s3, self.paths_of(item)))
        return [*keys, list_key(item)] if self.is_directory(item) else keys


def is_url(item: str) -> bool:
    """Whether an input is in S3 already."""
    return item.startswith("s3://")


def base_name(item: str) -> str:
    """The last part of a local input's path: its name in S3, below the key prefix."""
    return os.path.basename(item)


def inputs_key(path: str) -> str:
    """The key below the key prefix of a local file of the field `inputs`.

    Files of one name may come from several directories, of which the digest makes the difference.
    """
    return f"inputs/{_in_its_folder(path)}"


def list_key(path: str) -> str:
    """The key below the key prefix of the list of the files in a local directory of the field `inputs`."""
    return f"inputs/lists/{_in_its_folder(path)}"


def _in_its_folder(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    return f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}/{name}"


class JobNumbers:
    """A set of numbers of jobs, which go from 1. It takes a byte for each job of the bag; a `set` takes up to a hundred
    for each that is in it."""

    def __init__(self, jobs: int, numbers: Iterable[int] = ()) -> None:
        """`jobs`: how many the bag has."""
        self._flags = bytearray(jobs + 1)
        self.update(numbers)

    def __contains__(self, number: int) -> bool:
        return bool(self._flags[number])

    def __len__(self) -> int:
        return self._flags.count(1)

    def __bool__(self) -> bool:
        return 1 in self._flags

    def add(self, number: int) -> None:
        """Have it in the set."""
        self._flags[number] = 1

    def discard(self, number: int) -> None:
        """Have it no more, if it was there."""
        self._flags[number] = 0

    def update(self, numbers: Iterable[int]) -> None:
        """Have all of them."""
        for number in numbers:
            self._flags[number] = 1

    def difference_update(self, numbers: Iterable[int]) -> None:
        """Have none of them."""
        for number in numbers:
            self._flags[number] = 0
