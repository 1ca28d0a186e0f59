"""Job submit files → a bag of frozen `Job`s; all that can be known to be wrong before AWS is asked.

The format is the manual's (Job Submit File): `{"SubmitJob": [job, ...]}`.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from jobbag import shapes
from jobbag.config import split_items
from jobbag.errors import Problem
from jobbag.rules import rule_problems

MAX_NAME_BYTES = 200
INPUTS_VARIABLE = "TRANSFER_INPUT_FILES"
RESERVED_VARIABLES = "AWS_BATCH"
OWN_FIELDS = ("jobName", "executable", "arguments", "environment", "launcher")
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
    depends_on: tuple[str, ...] = ()  # names of jobs of the bag, which must succeed before
    launcher: bool = False  # the launcher starts it inside its container, and stays beside it

    @property
    def where(self) -> str:
        """How messages name the job."""
        return f'{self.submit_file}: job "{self.name}"'


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
    """The name of a local input in S3, below the key prefix."""
    return os.path.basename(item)


@dataclass
class _Reader:
    """Reads submit files one after the other and gathers what is wrong with them."""

    launcher: bool  # starts the jobs that do not say
    jobs: list[Job] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)  # job name -> the file that has it
    count: int = 0
    _words: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)  # what many jobs share is kept once
    _environments: dict[tuple[tuple[str, str], ...], dict[str, str]] = field(default_factory=dict)

    def read(self, path: Path) -> None:
        try:
            content = json.loads(path.read_bytes())
        except json.JSONDecodeError as error:
            where = f"{path}: line {error.lineno}, column {error.colno}"
            self.problems.append(Problem(where, f"invalid JSON: {error.msg}"))
        except UnicodeDecodeError as error:
            self.problems.append(Problem(str(path), f"invalid JSON: not UTF-8 at byte {error.start}"))
        except (ValueError, RecursionError) as error:
            self.problems.append(Problem(str(path), f"invalid JSON: {error}"))
        except OSError as error:
            self.problems.append(Problem(str(path), f"cannot read the job submit file: {error.strerror}"))
        else:
            self._read_content(path, content)

    def _read_content(self, path: Path, content: Any) -> None:
        if not isinstance(content, dict):
            what = 'must be an object: {"SubmitJob": [...]}'
        elif "SubmitJob" not in content:
            what = "has no SubmitJob"
        elif not isinstance(content["SubmitJob"], list):
            what = "SubmitJob must be a list of jobs"
        else:
            for key in sorted(content.keys() - {"SubmitJob", "defaults"}):
                what = f"unknown field {key!r}: only SubmitJob and defaults can stand here"
                self.problems.append(Problem(str(path), what))
            defaults = content.get("defaults", {})
            self.problems += [Problem(f"{path}: defaults", what) for what in _defaults_problems(defaults)]
            entries = content["SubmitJob"]
            for index in range(len(entries)):
                entry, entries[index] = entries[index], None  # of 100,000 jobs, both forms at once would be felt
                self.count += 1
                self._read_job(path, _completed(entry, defaults))
            return
        self.problems.append(Problem(str(path), what))

    def _read_job(self, path: Path, entry: Any) -> None:
        where = f"{path}: job {self.count}"
        if not isinstance(entry, dict):
            self.problems.append(Problem(where, "must be an object"))
            return
        name = entry.get("jobName")
        if isinstance(name, str):
            where = f'{path}: job "{name}"'
        executable, environment = entry.get("executable"), entry.get("environment", [])
        request = {key: value for key, value in entry.items() if key not in OWN_FIELDS}
        arguments, bad_arguments = _arguments(entry.get("arguments", []))
        depends_on, bad_dependencies = _dependencies(request)
        launcher = entry.get("launcher", self.launcher)
        found = [
            *_name_problems(name),
            *(["executable: must be a string that is not empty"] if not _is_text(executable) else []),
            *bad_arguments,
            *bad_dependencies,
            *_environment_problems(environment, "environment"),
            *_request_problems(request),
            *(["launcher: must be true or false"] if not isinstance(launcher, bool) else []),
        ]
        right = not any(_environment_problems(environment, "")) and not any(_environment_problems_of(request))
        variables = _variables(environment, request) if right else {}
        if launcher is True:
            what = 'give it "launcher": false'
            found += [f"launcher: {why}; {what}" for why in _unlaunchable(executable, variables, request)]
        if isinstance(name, str):
            if name in self.seen:
                found.append(f"jobName: {self.seen[name]} has another job of this name")
            self.seen.setdefault(name, str(path))
        self.problems += [Problem(where, what) for what in found]
        if not right or any(_request_problems(request)):
            return
        # A job with other problems is kept, so that its inputs are looked at too; such a bag is never run.
        overrides = dict(request.pop("containerOverrides", {}))
        overrides.pop("environment", None)
        inputs = split_items(variables.pop(INPUTS_VARIABLE, ""))
        if overrides:
            request["containerOverrides"] = overrides
        self.jobs.append(
            Job(
                self.count, str(name), sys.intern(str(executable)), self._one(tuple(arguments)),
                self._environments.setdefault(tuple(variables.items()), variables), self._one(inputs), request, path,
                self._one(depends_on), bool(launcher),
            )
        )  # fmt: skip

    def _one(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return self._words.setdefault(words, words)


def _variables(environment: Any, request: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a job, in which nothing is wrong."""
    overrides = request.get("containerOverrides")
    more = overrides.get("environment", ()) if isinstance(overrides, dict) else ()
    return {one["name"]: one["value"] for one in (*environment, *more)}


def _unlaunchable(executable: Any, variables: Mapping[str, str], request: Mapping[str, Any]) -> Iterator[str]:
    """Why the launcher cannot start such a job."""
    if variables.get(FILE_TYPE, "script") != "script":
        yield f"with {FILE_TYPE}={variables[FILE_TYPE]}, the image runs nothing but what is in the archive"
    if "arrayProperties" in request:
        yield "it does not start the children of arrayProperties"
    if isinstance(executable, str) and "=" in executable:
        yield "it cannot start an executable that has a '=' in its name"


def _defaults_problems(defaults: Any) -> Iterator[str]:
    if not isinstance(defaults, dict):
        yield "must be an object with fields of jobs"
    elif "jobName" in defaults:
        yield "jobName: each job needs a name of its own"


def _completed(entry: Any, defaults: Any) -> Any:
    """A job with what the defaults of its file say; the job wins, in each of the lists and objects too."""
    if not isinstance(entry, dict) or not isinstance(defaults, dict):
        return entry
    both = {**defaults, **entry}
    for key in defaults.keys() & entry.keys():
        one, other = defaults[key], entry[key]
        if key == "environment" and isinstance(one, list) and isinstance(other, list):
            both[key] = [*one, *other]
        elif key == "resourceRequirements" and isinstance(one, list) and isinstance(other, list):
            own = [each.get("type") for each in other if isinstance(each, dict)]
            both[key] = [*(each for each in one if isinstance(each, dict) and each.get("type") not in own), *other]
        elif isinstance(one, dict) and isinstance(other, dict):
            both[key] = _completed(other, one)
    return both


def _dependencies(request: dict[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """The names of jobs on which a job depends, and what is wrong with them; ids of AWS stay in the request."""
    given = request.pop("dependsOn", [])
    if not isinstance(given, list):
        return (), ["dependsOn: must be a list of names of jobs"]
    names: list[str] = []
    ids, problems = [], []
    for index, entry in enumerate(given):
        value = entry.get("jobId") if isinstance(entry, dict) and entry.keys() == {"jobId"} else entry
        if isinstance(value, str) and value and not _AWS_ID.fullmatch(value):
            names.append(value)
        elif isinstance(value, str) and value:
            ids.append({"jobId": value})
        elif isinstance(value, dict) and "type" in value:
            ids.append(value)
        else:
            problems.append(f"dependsOn[{index}]: must be the name of a job, or the id of a job in AWS Batch")
    if ids:
        request["dependsOn"] = ids
    return tuple(dict.fromkeys(names)), problems


_AWS_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:\d+)?")


def _order_problems(jobs: Iterable[Job]) -> Iterator[Problem]:
    """Dependencies on jobs that are not there, and circles of them."""
    by_name = {job.name: job for job in jobs}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for job in by_name.values():
        for name in job.depends_on:
            if name not in by_name:
                yield Problem(job.where, f'dependsOn: no job of the bag has the name "{name}"')
        sorter.add(job.name, *(name for name in job.depends_on if name in by_name))
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        yield Problem(by_name[error.args[1][0]].where, f"dependsOn: the jobs wait for each other: {circle}")


def _is_text(value: Any) -> bool:
    """A string that is not empty and that UTF-8 can write (JSON can escape half of a surrogate pair)."""
    return isinstance(value, str) and value != "" and _encodes(value) and "\0" not in value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_problems(name: Any) -> Iterator[str]:
    if name is None:
        yield "has no jobName"
    elif not isinstance(name, str) or not name or not _encodes(name):
        yield "jobName: must be a string that is not empty"
    elif "/" in name or name.startswith("."):
        yield "jobName: becomes a file name, so it can have no '/' and no dot in front"
    elif any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in name):
        yield "jobName: has a control character"
    elif len(name.encode()) > MAX_NAME_BYTES:
        yield f"jobName: becomes a file name, so it can have {MAX_NAME_BYTES} bytes at most, not {len(name.encode())}"


def _arguments(value: Any) -> tuple[list[str], list[str]]:
    """The words of `arguments`, and what is wrong with them."""
    words = value
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            return [], [f"arguments: {error} in {value!r}"]
    if not isinstance(words, list) or not all(isinstance(word, str) and _encodes(word) for word in words):
        return [], ["arguments: must be a string or a list of strings"]
    if any("\0" in word for word in words):
        return [], ["arguments: no process can have a NUL in a word of its command"]
    if "" in words:
        return [], ["arguments: AWS Batch accepts no empty word in a command"]
    return words, []


def _environment_problems(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f'{where}: must be a list of {{"name": ..., "value": ...}}'
        return
    for index, entry in enumerate(value):
        if not isinstance(entry, dict) or entry.keys() != {"name", "value"} or not _is_text(entry["name"]):
            yield f'{where}[{index}]: must be {{"name": ..., "value": ...}}'
            continue
        name, text = entry["name"], entry["value"]
        if not isinstance(text, str) or not _encodes(text):
            yield f"{where}[{index}]: the value of {name} must be a string"
        if name.startswith(RESERVED_VARIABLES):
            yield f"{where}[{index}]: {name}: names that start with {RESERVED_VARIABLES} are reserved by AWS Batch"
        if "=" in name or "\0" in name or (isinstance(text, str) and "\0" in text):
            yield f"{where}[{index}]: {name!r}: no process can have such a variable"


def _request_problems(request: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the job's other fields, which go to the SubmitJob API as they are."""
    if not request:  # then the model of the API, which takes 0.1 s to read, is not needed
        return
    for path, what in shapes.problems("SubmitJob", request, given=("jobName", "jobQueue", "jobDefinition")):
        yield f"{path}: {what}"
    for other in ("ecsPropertiesOverride", "eksPropertiesOverride", "nodeOverrides"):
        if other in request:
            yield f"{other}: executable, arguments and environment go into containerOverrides, which excludes it"
    overrides = request.get("containerOverrides")
    if isinstance(overrides, dict) and "command" in overrides:
        yield "containerOverrides.command: give executable and arguments instead"
    yield from _environment_problems_of(request)
    yield from rule_problems(request)


def _environment_problems_of(request: Mapping[str, Any]) -> Iterator[str]:
    overrides = request.get("containerOverrides")
    if isinstance(overrides, dict):
        yield from _environment_problems(overrides.get("environment", []), "containerOverrides.environment")


def _file_problem(item: str) -> str | None:
    try:
        mode = os.stat(item).st_mode
        if not stat.S_ISREG(mode):
            return "is a directory" if stat.S_ISDIR(mode) else "is no regular file"
        with open(item, "rb"):
            return None
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)


def _file_problems(bag: Bag) -> Iterator[Problem]:
    """Local inputs that are missing or cannot be read, or that would take each other's place in S3."""
    users = dict.fromkeys(bag.common, "--files")
    for job in bag.jobs:
        for item in job.inputs:
            users.setdefault(item, job.where)
    by_name: dict[str, str] = {}
    for item in bag.local_files():
        what = _file_problem(item)
        if what is None and not base_name(item):
            what = "is no file name"
        if what is not None:
            yield Problem(users[item], f"input file {item!r}: {what}")
            continue
        other = by_name.setdefault(base_name(item), item)
        if other != item and not filecmp.cmp(other, item, shallow=False):
            yield Problem(
                users[item],
                f"input file {item!r}: would overwrite {other!r} in S3, which has the same base name and other content",
            )


def load(submit_files: Iterable[Path], files: tuple[str, ...], *, launcher: bool = False) -> tuple[Bag, list[Problem]]:
    """The bag of some submit files and `--files`, and all that is wrong with it. Reads files, writes nothing.

    `launcher`: whether it starts the jobs that do not say.
    """
    reader = _Reader(launcher)
    for path in submit_files:
        reader.read(path)
    bag = Bag(tuple(reader.jobs), files)
    return bag, [*reader.problems, *_order_problems(bag.jobs), *_file_problems(bag)]
