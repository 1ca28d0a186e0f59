"""What can be wrong with a job, or with all of them together, before AWS is asked."""

from __future__ import annotations

import filecmp
import json
import os
import posixpath
import shlex
import stat
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from jobbag.bag import api_model, instead
from jobbag.bag.api_rules import rule_problems
from jobbag.bag.directory import content_of, is_directory
from jobbag.bag.items import unwritable
from jobbag.bag.job import FILE_TYPE, JOB_SCHEME, Bag, Item, Job, base_name
from jobbag.errors import FEW, Problem
from jobbag.hints import did_you_mean, file_like

MAX_NAME_BYTES = 200
RESERVED_VARIABLES = "AWS_BATCH"


def unlaunchable(executable: Any, variables: Mapping[str, str], request: Mapping[str, Any]) -> Iterator[str]:
    """Why the launcher cannot start a job with these variables and other fields of SubmitJob."""
    if variables.get(FILE_TYPE, "script") != "script":
        yield f"with {FILE_TYPE}={variables[FILE_TYPE]}, the image runs nothing but what is in the archive"
    if "arrayProperties" in request:
        yield "it does not start the children of arrayProperties"
    if isinstance(executable, str) and "=" in executable:
        yield "it cannot start an executable that has a '=' in its name"
    if isinstance(executable, str) and executable.startswith("-"):
        yield "it cannot start an executable whose name begins with '-'"


def defaults_problems(defaults: Any) -> Iterator[str]:
    """What is wrong with the `defaults` of a submit file."""
    if not isinstance(defaults, dict):
        yield "must be an object with fields of jobs"
    elif "jobName" in defaults:
        yield "jobName: each job needs a name of its own"


def order_problems(bag: Bag) -> Iterator[Problem]:
    """Dependencies on jobs that are not in the bag, and circles of dependencies."""
    entries = {job.sent_name: job for job in reversed(bag.jobs)}  # an array is sent as a whole, so it waits as one
    sorter: TopologicalSorter[str] = TopologicalSorter()
    missing = 0
    for entry, job in reversed(entries.items()):
        yield from (Problem(job.where, what) for what in _result_problems(bag, job))
        producers = {item.of_job[0] for item in job.items if item.of_job is not None}
        for name in job.depends_on:
            if not bag.named(name):
                field = "inputs" if name in producers else "dependsOn"
                hint = did_you_mean(name, entries) if missing < FEW else ""
                missing += 1
                yield Problem(job.where, f'{field}: no job of the bag has the name "{name}"{hint}')
        for one in job.request.get("dependsOn", ()):
            if bag.named(str(one.get("jobId"))):
                what = "that takes the id of an array job in AWS Batch; without a type, the job waits for all children"
                yield Problem(job.where, f'dependsOn: "{one["jobId"]}" with the type {one.get("type")}: {what}')
        needed = (bag.named(name)[0].sent_name for name in job.depends_on if bag.named(name))
        sorter.add(entry, *(name for name in needed if name != entry or name not in producers))
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        yield Problem(entries[error.args[1][0]].where, f"dependsOn: the jobs wait for each other: {circle}")


def _result_problems(bag: Bag, job: Job) -> Iterator[str]:
    """What is wrong with the inputs of a job that are results of others, as far as the outputs of these tell."""
    for item in job.items:
        if item.of_job is None:
            continue
        name, path = item.of_job
        outputs = bag.named(name)[0].outputs if bag.named(name) else ()
        if name == job.sent_name:
            yield f"inputs: {item.source!r} is a result of the same job, which is not there before it has ended"
        elif "*" in path or "?" in path:
            above = posixpath.dirname(path.rstrip("/"))
            whole = f'its directory, "{JOB_SCHEME}{name}/{above}/"' if above and not _is_glob(above) else None
            ways = " or ".join(filter(None, (whole, "each file by itself")))
            yield f"inputs: {item.source!r}: a result is named as it is, without globs: give {ways}"
        elif not any(_may_give(output, path) for output in outputs) and (meant := did_you_mean(path, outputs)):
            # Any other path may be one that the job itself puts below PEGASUS_AWS_BATCH_RESULTS.
            yield f"inputs: {item.source!r}: no output of that job can be this{meant}"


def _is_glob(path: str) -> bool:
    return any(letter in path for letter in "*?[")


def _may_give(output: str, path: str) -> bool:
    """Whether what an entry of `outputs` names may be a result with this path, or be in it or above it."""
    parts = zip(output.rstrip("/").split("/"), posixpath.normpath(path).split("/"), strict=False)
    return all(name == pattern or fnmatchcase(name, pattern) for pattern, name in parts)


def is_text(value: Any) -> bool:
    """Whether it is a string, not empty, without NUL, that UTF-8 can write (JSON can have half of a surrogate pair)."""
    return isinstance(value, str) and value != "" and _encodes(value) and "\0" not in value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def name_problems(name: Any) -> Iterator[str]:
    """What is wrong with a `jobName`, which becomes the name of files."""
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


def executable_problems(executable: Any, arguments: Any) -> Iterator[str]:
    """What is wrong with an `executable`, which is one word."""
    if not is_text(executable):
        yield "executable: must be a string that is not empty"
    elif (hint := instead.for_executable(executable, arguments)) is not None:
        yield f"executable: is one word, and no command line{hint}"


def split_arguments(value: Any) -> tuple[list[str], list[str]]:
    """The words of `arguments`, a list or one string as for a shell; and what is wrong with them."""
    words = [text_of(one) for one in value] if isinstance(value, list) else text_of(value)
    if isinstance(words, str):
        try:
            words = shlex.split(words)
        except ValueError as error:
            return [], [f"arguments: {error} in {value!r}"]
    if not isinstance(words, list) or not all(isinstance(word, str) and _encodes(word) for word in words):
        return [], ["arguments: must be a string or a list of strings"]
    if any("\0" in word for word in words):
        return [], ["arguments: no process can have a NUL in a word of its command"]
    if "" in words:
        return [], ["arguments: AWS Batch accepts no empty word in a command"]
    return words, []


def text_of(value: Any) -> Any:
    """A number or a truth value as the text that it is in JSON; anything else as it is."""
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


def environment_problems(value: Any, where: str) -> Iterator[str]:
    """What is wrong with a list of variables; `where` is the path of its field."""
    if not isinstance(value, list):
        yield f'{where}: must be a list of {{"name": ..., "value": ...}}{instead.for_variables(value)}'
        return
    for index, entry in enumerate(value):
        if not isinstance(entry, dict) or entry.keys() != {"name", "value"} or not is_text(entry["name"]):
            meant = instead.pairs([entry], "name")
            hint = f"; write {json.dumps(meant[0])}" if meant else ""
            yield f'{where}[{index}]: must be {{"name": ..., "value": ...}}{hint}'
            continue
        name, text = entry["name"], text_of(entry["value"])
        if not isinstance(text, str) or not _encodes(text):
            yield f"{where}[{index}]: the value of {name} must be a string"
        if name.startswith(RESERVED_VARIABLES):
            yield f"{where}[{index}]: {name}: names that start with {RESERVED_VARIABLES} are reserved by AWS Batch"
        if "=" in name or "\0" in name or (isinstance(text, str) and "\0" in text):
            yield f"{where}[{index}]: {name!r}: no process can have such a variable"


def other_field_problems(request: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the job's other fields, which go to the SubmitJob API as they are; but for the environment.

    `own`: the fields that are this command's own, None where the job has none.
    """
    if not request:  # then the model of the API, which takes 0.1 s to read, is not needed
        return
    given = ("jobName", "jobQueue", "jobDefinition")
    for path, what in api_model.problems("SubmitJob", request, given=given, beside=own):
        if not path.startswith("containerOverrides.environment"):  # which is as that of the job itself
            yield f"{path}: {what}"
    overrides = request.get("containerOverrides")
    if isinstance(overrides, dict) and "command" in overrides:
        yield "containerOverrides.command: give executable and arguments instead"
    yield from rule_problems(request)


def override_environment_problems(request: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the variables in a job's `containerOverrides`."""
    overrides = request.get("containerOverrides")
    if isinstance(overrides, dict):
        yield from environment_problems(overrides.get("environment", []), "containerOverrides.environment")


def _file_problem(item: str) -> str | None:
    try:
        mode = os.stat(item).st_mode
        if not stat.S_ISREG(mode):
            return "is a directory" if stat.S_ISDIR(mode) else "is no regular file"
        with open(item, "rb"):
            return None
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)


def _directory_problems(item: str) -> Iterator[str]:
    try:
        files = content_of(item).files
    except OSError as error:
        yield str(error.strerror or error.args[-1])
        return
    for file in files:
        what = unwritable(file.name) or _file_problem(file.path)
        if what is not None:
            yield f"{file.name!r} in it: {what}"


def _item_problems(item: str) -> list[str]:
    """What is wrong with a local file or directory of a field `inputs`."""
    if is_directory(item):
        return list(_directory_problems(item))
    what = _file_problem(item)
    return [] if what is None else [what]


def file_problems(bag: Bag) -> Iterator[Problem]:
    """Local inputs that are missing or unreadable, or that cannot stand beside each other in S3 or at a job."""
    users = dict.fromkeys(bag.common, "--files")
    for job in bag.jobs:
        for item in (*job.inputs, *(one.source for one in job.items)):
            users.setdefault(item, job.where)
    by_name: dict[str, str] = {}
    missing = 0
    for item in bag.plain_files:
        what = _file_problem(item)
        if what is None and not base_name(item):
            what = "is no file name"
        if what is not None:
            hint = file_like(Path(item)) if missing < FEW else ""
            missing += 1
            yield Problem(users[item], f"input file {item!r}: {what}{hint}")
            continue
        other = by_name.setdefault(base_name(item), item)
        if other != item and not filecmp.cmp(other, item, shallow=False):
            yield Problem(
                users[item],
                f"input file {item!r}: would overwrite {other!r} in S3, which has the same base name and other content",
            )
    for item in bag.local_files():
        if item not in bag.plain_files:
            for what in _item_problems(item):
                hint = file_like(Path(item)) if missing < FEW else ""
                missing += 1
                yield Problem(users[item], f"input {item!r}: {what}{hint}")
    yield from _landing_problems(bag)


def _landing_problems(bag: Bag) -> Iterator[Problem]:
    """Inputs of a job of which two land on one path, or one would stand where another needs a directory."""
    seen: dict[tuple[Any, ...], list[str]] = {}  # what is wrong with lists that many jobs may share
    for job in bag.jobs:
        if job.items:
            lists = job.items, job.inputs
            if lists not in seen:
                seen[lists] = list(_landings(bag, job))
            yield from (Problem(job.where, what) for what in seen[lists])


def _landings(bag: Bag, job: Job) -> Iterator[str]:
    where = {base_name(item): item for item in (*bag.common, *job.inputs)}
    for item in job.items:
        for path in _paths(item):
            other = where.setdefault(path, item.source)
            if other != item.source:
                yield f"inputs: {item.source!r} and {other!r} would both land in {path}"
    for path, source in where.items():
        above = posixpath.dirname(path)
        while above and above not in where:
            above = posixpath.dirname(above)
        if above and where[above] != source:
            yield f"inputs: {source!r} would land in {path}, but {where[above]!r} is the file {above}"


def _paths(item: Item) -> Iterator[str]:
    """The paths in the working directory that an item takes, as far as they are known here."""
    if not item.is_local or not is_directory(item.source):
        yield item.target
        return
    try:
        content = content_of(item.source)
    except OSError:  # which is told by itself
        return
    yield from (f"{item.target}/{file.name}" for file in content.files)
