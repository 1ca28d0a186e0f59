"""Job submit files, or what stands for one → a bag, and all that is wrong with it, as far as that shows without AWS.

The format is that of the manual page (THE JOB SUBMIT FILE): `{"SubmitJob": [job, ...]}`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jobbag.bag.checks import (
    defaults_problems,
    environment_problems,
    executable_problems,
    file_problems,
    name_problems,
    order_problems,
    other_field_problems,
    override_environment_problems,
    split_arguments,
    text_of,
    unlaunchable,
)
from jobbag.bag.instead import for_bag, for_list
from jobbag.bag.items import items_of, outputs_of
from jobbag.bag.job import INPUTS_VARIABLE, Bag, Child, Item, Job
from jobbag.bag.rules import MEMORY_FIELD, NONE, QUEUE_FIELD, Rules, memory_rule, queue_rule
from jobbag.bag.submit_file import ObjectText, content_of
from jobbag.bag.tables import Table
from jobbag.errors import InputError, Problem
from jobbag.hints import did_you_mean, file_like
from jobbag.text import split_items

OWN_FIELDS = (
    "jobName", "executable", "arguments", "environment", "launcher", "inputs", "outputs", MEMORY_FIELD, QUEUE_FIELD,
)  # fmt: skip
_NO_FIELDS: Mapping[str, Any] = {}  # of the API: one for 100,000 jobs
ADDED = ("environment", "inputs", "outputs")  # lists of a job that stand behind those of the defaults


@dataclass
class _Reader:
    """Reads the files of a bag one after the other and gathers what is wrong with them."""

    launcher: bool  # of jobs that have no such field; the rules likewise
    rules: Rules
    jobs: list[Job] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)  # the name of a job or array -> the file that has it
    count: int = 0
    _words: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)  # one copy of what many jobs share
    _items: dict[tuple[Item, ...], tuple[Item, ...]] = field(default_factory=dict)
    _known: dict[Rules, Rules] = field(default_factory=dict)
    _environments: dict[tuple[tuple[str, str], ...], dict[str, str]] = field(default_factory=dict)

    def read(self, source: Path | Table) -> None:
        if isinstance(source, Path):
            self._read_submit_file(source)
        else:
            entries, problems = source.entries()
            self.problems += problems
            self._read_content(source.path, {"SubmitJob": entries})

    def _read_submit_file(self, path: Path) -> None:
        try:
            content = content_of(path)
        except InputError as error:
            self.problems += error.problems
        except OSError as error:
            self.problems.append(
                Problem(str(path), f"cannot read the job submit file: {error.strerror}{file_like(path)}")
            )
        else:
            self._read_content(path, content)

    def _read_content(self, path: Path, content: Any) -> None:
        if not isinstance(content, dict):
            what = f'must be an object: {{"SubmitJob": [...]}}{for_bag(content)}'
        elif "SubmitJob" not in content:
            what = f"has no SubmitJob{for_bag(content)}"
        elif not isinstance(content["SubmitJob"], list):
            what = "SubmitJob must be a list of jobs"
        else:
            for key in sorted(content.keys() - {"SubmitJob", "defaults", "$schema"}):
                what = f"unknown field {key!r}: only SubmitJob and defaults can stand here"
                self.problems.append(Problem(str(path), f"{what}{did_you_mean(key, ['SubmitJob', 'defaults'])}"))
            defaults = content.get("defaults", {})
            self.problems += [Problem(f"{path}: defaults", what) for what in defaults_problems(defaults)]
            told = self._problems_of_defaults(path, defaults)
            entries = content["SubmitJob"]
            for index in range(len(entries)):
                entry, entries[index] = entries[index], None  # 100,000 jobs twice, as JSON too, would take much memory
                entry = entry.value() if isinstance(entry, ObjectText) else entry
                self.count += 1
                own = entry if isinstance(entry, dict) else {}
                inherited = [what for what in told if _field_of(what) not in own]
                self._read_job(path, _completed(entry, defaults), inherited)
            return
        self.problems.append(Problem(str(path), what))

    def _problems_of_defaults(self, path: Path, defaults: Any) -> list[str]:
        """What is wrong with the defaults themselves, which is told once, and not for each job."""
        if not isinstance(defaults, dict) or not defaults:
            return []
        alone = _Reader(self.launcher, self.rules)
        alone._read_job(path, {"executable": "x", **defaults, "jobName": "x"})
        whats = list(dict.fromkeys(one.what for one in alone.problems))
        self.problems += [Problem(f"{path}: defaults", what) for what in whats]
        return whats

    def _read_job(self, path: Path, entry: Any, inherited: Collection[str] = ()) -> None:
        """Add a job, or an array. `inherited`: problems of it that were told already."""
        where = f"{path}: job {self.count}"
        if not isinstance(entry, dict):
            self.problems.append(Problem(where, "must be an object"))
            return
        name = entry.get("jobName")
        if isinstance(name, str):
            where = f'{path}: job "{name}"'
        executable, environment = entry.get("executable"), entry.get("environment", [])
        request = {key: value for key, value in entry.items() if key not in OWN_FIELDS}
        arguments, bad_arguments = split_arguments(entry.get("arguments", []))
        depends_on, bad_dependencies = _dependencies(request)
        own, more = environment_problems(environment, "environment"), override_environment_problems(request)
        bad_environment = [*own, *more]
        bad_fields = [*other_field_problems(request, {field: entry.get(field) for field in OWN_FIELDS})]
        items, bad_items = items_of(entry.get("inputs", []))
        outputs, bad_outputs = outputs_of(entry.get("outputs", []))
        with_files = [field for field, values in (("inputs", items), ("outputs", outputs)) if values]
        launcher = entry.get("launcher", self.launcher or bool(with_files))
        rules, bad_rules = self._rules_of(entry)
        found = [
            *name_problems(name),
            *executable_problems(executable, entry.get("arguments", [])),
            *bad_arguments,
            *bad_dependencies,
            *bad_environment,
            *bad_fields,
            *(["launcher: must be true or false"] if not isinstance(launcher, bool) else []),
            *bad_items,
            *bad_outputs,
            *bad_rules,
        ]
        variables = {} if bad_environment else _variables(environment, request)
        if launcher is True:
            for why in unlaunchable(executable, variables, request):
                needed = f"{with_files[0]}: need the launcher, but {why}" if with_files else None
                found.append(needed or f'launcher: {why}; give it "launcher": false')
        elif with_files and launcher is False:
            found.append(f'{with_files[0]}: need the launcher, so the job cannot have "launcher": false')
        size = 0 if bad_fields else request.get("arrayProperties", {}).get("size", 0)
        children = [Child(str(name), index, size) for index in range(size)]
        if isinstance(name, str):
            for one in (name, *(f"{name}.{child.index}" for child in children)):
                if one in self.seen:
                    whose = "another job of this name" if one == name else f"a job {one}, which is a child of this one"
                    found.append(f"jobName: {self.seen[one]} has {whose}")
                self.seen.setdefault(one, str(path))
            if children and not found:
                found += name_problems(f"{name}.{size - 1}")
        self.problems += [Problem(where, what) for what in found if what not in inherited]
        if bad_environment or bad_fields:
            return
        # A job with other problems is kept, so that its inputs are checked too; such a bag is never run.
        overrides = dict(request.pop("containerOverrides", {}))
        overrides.pop("environment", None)
        inputs = split_items(variables.pop(INPUTS_VARIABLE, ""))
        if overrides:
            request["containerOverrides"] = overrides
        job = Job(
            len(self.jobs) + 1, str(name), sys.intern(str(executable)), self._one(tuple(arguments)),
            self._environments.setdefault(tuple(variables.items()), variables), self._one(inputs),
            request or _NO_FIELDS, path, self._one(_with_producers(depends_on, items)), bool(launcher), None,
            self._share(items), self._one(outputs),
            rules.on_out_of_memory, rules.on_spot_loss,
        )  # fmt: skip
        self.jobs += [
            replace(job, number=job.number + one.index, name=f"{name}.{one.index}", child=one) for one in children
        ] or [job]

    def _rules_of(self, entry: Mapping[str, Any]) -> tuple[Rules, list[str]]:
        """When a job is to be sent again; and what is wrong with that."""
        own = [field for field in (MEMORY_FIELD, QUEUE_FIELD) if entry.get(field, False) is not False]
        memory, bad_memory = memory_rule(entry.get(MEMORY_FIELD, False))
        queue, bad_queue = queue_rule(entry.get(QUEUE_FIELD, False))
        problems = [*bad_memory, *bad_queue]
        if "arrayProperties" in entry:
            what = "AWS Batch starts all children of an array or none, so none can be sent again: give it as false"
            return NONE, [*problems, *(f"{field}: {what}" for field in own)]
        memory = memory if MEMORY_FIELD in entry else self.rules.on_out_of_memory
        other = self.rules.on_spot_loss
        if other is not None and entry.get("jobQueue") == other.job_queue:
            other = None  # it is there from the beginning
        rules = Rules(memory, queue if QUEUE_FIELD in entry else other)
        return self._known.setdefault(rules, rules), problems

    def _one(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return self._words.setdefault(words, words)

    def _share(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        return self._items.setdefault(items, items)


def _field_of(what: str) -> str:
    """The field of a job that a problem is about."""
    return re.split(r"[.\[:]", what, maxsplit=1)[0]


def _variables(environment: Any, request: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a job that has no problems in them."""
    overrides = request.get("containerOverrides")
    more = overrides.get("environment", ()) if isinstance(overrides, dict) else ()
    return {one["name"]: text_of(one["value"]) for one in (*environment, *more)}


def _completed(entry: Any, defaults: Any) -> Any:
    """A job with the defaults of its file. Lists and objects that both have are merged; the job's parts win."""
    if not isinstance(entry, dict) or not isinstance(defaults, dict):
        return entry
    both = {**defaults, **entry}
    for key in defaults.keys() & entry.keys():
        one, other = defaults[key], entry[key]
        if key in ADDED and isinstance(one, list) and isinstance(other, list):
            both[key] = [*one, *other]
        elif key == "resourceRequirements" and isinstance(one, list) and isinstance(other, list):
            own = [each.get("type") for each in other if isinstance(each, dict)]
            both[key] = [*(each for each in one if isinstance(each, dict) and each.get("type") not in own), *other]
        elif isinstance(one, dict) and isinstance(other, dict):
            both[key] = _completed(other, one)
    return both


def _with_producers(depends_on: tuple[str, ...], items: tuple[Item, ...]) -> tuple[str, ...]:
    """The jobs on which a job depends, with those whose results it takes."""
    producers = (item.of_job[0] for item in items if item.of_job is not None)
    return tuple(dict.fromkeys([*depends_on, *producers]))


def _dependencies(request: dict[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """The names of the jobs on which a job depends, and what is wrong with them. AWS ids stay in the request."""
    given = request.pop("dependsOn", [])
    if not isinstance(given, list):
        return (), [f"dependsOn: must be a list of names of jobs{for_list(given)}"]
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


def load(
    sources: Iterable[Path | Table],
    files: tuple[str, ...],
    *,
    launcher: bool = False,
    rules: Rules = NONE,
) -> tuple[Bag, list[Problem]]:
    """The bag of some submit files, or of a table, and `--files`; and all that is wrong with it. Writes nothing.

    `launcher`: whether the launcher starts jobs that have no `launcher` field; `rules` are those of jobs
    that say nothing of them. A bag with problems must not be run.
    """
    bag, problems = parse(sources, files, launcher=launcher, rules=rules)
    return bag, [*problems, *file_problems(bag)]


def parse(
    sources: Iterable[Path | Table],
    files: tuple[str, ...] = (),
    *,
    launcher: bool = False,
    rules: Rules = NONE,
) -> tuple[Bag, list[Problem]]:
    """The same without a look at the files that the jobs need."""
    reader = _Reader(launcher, rules)
    for source in sources:
        reader.read(source)
    bag = Bag(tuple(reader.jobs), files)
    return bag, [*reader.problems, *order_problems(bag)]
