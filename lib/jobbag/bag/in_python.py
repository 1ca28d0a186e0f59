"""Jobs and bags as Python programs write them; they become the entries of a job submit file."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

from jobbag.bag import reader, writer
from jobbag.bag.rules import UNSAID
from jobbag.bag.tables import Entries
from jobbag.errors import InputError, Problem
from jobbag.files import stem_of

AnyPath = str | os.PathLike[str]
Scalar = str | int | float

_AMOUNTS = {"vcpus": "VCPU", "memory": "MEMORY", "gpus": "GPU"}  # types of resourceRequirements


@dataclass(frozen=True)
class Job:
    """One job of a bag. What is None, or empty, is left to the job definition.

    `arguments` is a list of words, or a string, which is split as a shell splits words. `inputs` are paths of files and
    directories, `s3://` URLs and results of other jobs (`job:NAME/PATH`), or pairs of one of these and where it is to
    be in the working directory of the job. `outputs` are files, directories/ and globs. `depends_on` are jobs of the
    bag, or their names. `memory` is in MiB, `timeout` in seconds. `launcher`: whether the launcher starts the job;
    None: as the settings say. `fields` has any other field of a job in a job submit file.
    """

    name: str
    executable: AnyPath
    arguments: str | Sequence[Scalar] = ()
    _: KW_ONLY
    environment: Mapping[str, Scalar] = field(default_factory=dict)
    inputs: Sequence[AnyPath | tuple[AnyPath, str]] = ()
    outputs: Sequence[str] = ()
    depends_on: Sequence[str | Job] = ()
    vcpus: float | None = None
    memory: int | None = None
    gpus: int | None = None
    timeout: int | None = None
    attempts: int | None = None
    job_queue: str | None = None
    job_definition: str | None = None
    launcher: bool | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """The job as it stands in a job submit file."""
        others = deepcopy(dict(self.fields))
        waits_for, ids = _listed(self.depends_on, _name), _listed(others.get("dependsOn", []))
        all_lists = isinstance(waits_for, list) and isinstance(ids, list)
        own: dict[str, Any] = {
            "arguments": _listed(self.arguments),
            "environment": _variables(self.environment),
            "inputs": _listed(self.inputs, _input),
            "outputs": _listed(self.outputs),
            "dependsOn": [*waits_for, *ids] if all_lists else ids if isinstance(waits_for, list) else waits_for,
            "timeout": {} if self.timeout is None else {"attemptDurationSeconds": self.timeout},
            "retryStrategy": {} if self.attempts is None else {"attempts": self.attempts},
            "jobQueue": self.job_queue,
            "jobDefinition": self.job_definition,
            "containerOverrides": self._overrides(others),
        }
        launcher = {} if self.launcher is None else {"launcher": self.launcher}
        given = {name: value for name, value in own.items() if value}
        return {**others, "jobName": self.name, "executable": _path(self.executable), **given, **launcher}

    def _overrides(self, others: Mapping[str, Any]) -> Any:
        """The fields of containerOverrides, with what the job asks for."""
        overrides = others.get("containerOverrides", {})
        amounts = {kind: getattr(self, name) for name, kind in _AMOUNTS.items()}
        asked = [{"type": kind, "value": str(value)} for kind, value in amounts.items() if value is not None]
        more = overrides.get("resourceRequirements", []) if isinstance(overrides, dict) else None
        if not asked or not isinstance(more, list):
            return overrides
        kept = [one for one in more if not isinstance(one, dict) or amounts.get(str(one.get("type"))) is None]
        return {**overrides, "resourceRequirements": [*kept, *asked]}

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Job:
        """The job of an entry that `writer` has made."""
        others = dict(entry)
        waits_for = others.pop("dependsOn", [])
        ids = [one for one in waits_for if not isinstance(one, str)]
        return cls(
            others.pop("jobName"),
            others.pop("executable"),
            others.pop("arguments", []),
            environment={one["name"]: one["value"] for one in others.pop("environment", [])},
            inputs=[(one["from"], one["to"]) for one in others.pop("inputs", [])],
            outputs=others.pop("outputs", []),
            depends_on=[one for one in waits_for if isinstance(one, str)],
            launcher=others.pop("launcher", None),
            fields={**others, **({"dependsOn": ids} if ids else {})},
        )


# What is of another type than it should be stays as it is, and is told with all that is wrong.


def _listed(value: Any, form: Callable[[Any], Any] | None = None) -> Any:
    """A collection as a list; no iterator, which would be empty when it is looked at again."""
    if not isinstance(value, Collection) or isinstance(value, (str, bytes, Mapping)):
        return value
    return list(value if form is None else map(form, value))


def _variables(given: Any) -> Any:
    return [{"name": name, "value": value} for name, value in given.items()] if isinstance(given, Mapping) else given


def _name(job: Any) -> Any:
    return job.name if isinstance(job, Job) else job


def _input(item: Any) -> Any:
    return {"from": _path(item[0]), "to": item[1]} if isinstance(item, tuple) and len(item) == 2 else _path(item)


def _path(item: Any) -> Any:
    return os.fspath(item) if isinstance(item, os.PathLike) else item


@dataclass
class Bag:
    """The jobs of a run. Its journal and the like are named after `name`, where the setting `prefix` is not given.

    `file` is the job submit file that it was read from, if it was.
    """

    jobs: Sequence[Job]
    name: str = "bag"
    _: KW_ONLY
    file: Path | None = None

    @classmethod
    def read(cls, path: AnyPath) -> Bag:
        """The bag of a job submit file. Raises InputError with all that is wrong with it."""
        file = Path(path)
        bag, problems = reader.parse([file], rules=UNSAID)
        if problems:
            raise InputError(problems)
        return cls(list(map(Job.of, writer.entries_of(bag, rules=UNSAID))), stem_of(file), file=file)

    @property
    def path(self) -> Path:
        """How messages name it."""
        return self.file or Path(self.name)

    def entries(self) -> Entries:
        """The jobs as in a job submit file, and what is wrong with them."""
        if not isinstance(self.jobs, Collection):
            return [], [Problem(f"{self.path}: jobs", f"must be a list of jobs, not {type(self.jobs).__name__}")]
        strangers = [one for one in self.jobs if not isinstance(one, Job)]
        wrong = [Problem(f"{self.path}: jobs", f"{one!r:.100} is no jobbag.api.Job") for one in strangers]
        return [one.entry() for one in self.jobs if isinstance(one, Job)], wrong
