"""The fields `inputs` and `outputs` of a job: what they hold, and what is wrong with it."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import Any

from jobbag.bag.instead import for_list
from jobbag.bag.job import JOB_SCHEME, Item

FORMS = 'must be a path, an s3:// URL, job:NAME/PATH, or {"from": one of them, "to": "path"}'


def items_of(value: Any) -> tuple[tuple[Item, ...], list[str]]:
    """The items of a field `inputs`, each once, and what is wrong with it."""
    if not isinstance(value, list):
        return (), [f"inputs: must be a list{for_list(value)}"]
    items: list[Item] = []
    problems: list[str] = []
    for index, entry in enumerate(value):
        given = {"from": entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict) or "from" not in given or given.keys() - {"from", "to"}:
            problems.append(f"inputs[{index}]: {FORMS}")
            continue
        found = list(_source_problems(given["from"])) or list(_target_problems(given.get("to", "x")))
        problems += (f"inputs[{index}]: {what}" for what in found)
        if not found:
            items.append(Item(given["from"], _target(given["from"], given.get("to"))))
    return tuple(dict.fromkeys(items)), problems


def outputs_of(value: Any) -> tuple[tuple[str, ...], list[str]]:
    """The paths and globs of a field `outputs`, each once, and what is wrong with it."""
    if not isinstance(value, list):
        return (), [f"outputs: must be a list{for_list(value)}"]
    outputs: list[str] = []
    problems: list[str] = []
    for index, entry in enumerate(value):
        found = list(_path_problems(entry))
        problems += (f"outputs[{index}]: {what}" for what in found)
        if not found:
            outputs.append(posixpath.normpath(entry) + ("/" if entry.endswith("/") else ""))
    return tuple(dict.fromkeys(outputs)), problems


def _target(source: str, given: str | None) -> str:
    """Where an item lands: below what is given if that is a directory, by its base name if nothing is."""
    if given is None or given.endswith("/"):
        where = source if source.startswith((JOB_SCHEME, "s3://")) else os.path.abspath(source)
        name = where.rstrip("/").rpartition("/")[2]
        return posixpath.normpath(f"{given or ''}{name}")
    return posixpath.normpath(given)


def _source_problems(source: Any) -> Iterator[str]:
    if not isinstance(source, str) or not source:
        yield FORMS
    elif (what := unwritable(source)) is not None:
        yield f"{source!r}: {what}"
    elif source.startswith(JOB_SCHEME):
        name, _, path = source[len(JOB_SCHEME) :].partition("/")
        if not name or not path:
            yield f"{source!r}: must be job:NAME/PATH"
        else:
            yield from _path_problems(path)
    elif source.startswith("s3://"):
        bucket, _, key = source[len("s3://") :].partition("/")
        if not bucket or not key or key.endswith("/"):
            yield f"{source!r}: must be the URL of one object, s3://BUCKET/KEY"
    elif os.path.abspath(source) == os.path.sep:
        yield f"{source!r}: is no file and no directory that a job could have"


def _target_problems(target: Any) -> Iterator[str]:
    for what in _path_problems(target):
        yield f"to: {what}"


def _path_problems(path: Any) -> Iterator[str]:
    """What is wrong with a path that is to be below the working directory of a job, or below its results."""
    if not isinstance(path, str) or not path:
        yield "must be a string that is not empty"
    elif (what := unwritable(path)) is not None:
        yield f"{path!r}: {what}"
    elif path.startswith("/"):
        yield f"{path!r}: must be relative to the working directory of the job"
    elif ".." in path.split("/"):
        yield f"{path!r}: leads out of the working directory of the job"
    elif posixpath.normpath(path) == ".":
        yield f"{path!r}: is the working directory itself"


def unwritable(name: str) -> str | None:
    """Why a name cannot travel to a job, in a list of lines in UTF-8; None if it can."""
    if "\n" in name or "\0" in name:
        return "has a line break or a NUL in it"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not in UTF-8"
    return None
