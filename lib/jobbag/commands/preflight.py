"""All that can be known to be wrong before AWS is asked.

boto3 is not imported here, nor by what is imported here: its 0.3 s are only for input that is good.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jobbag.bag import job, reader
from jobbag.bag.job import Bag
from jobbag.commands.overwriting import overwriting_problems
from jobbag.entities import capacity
from jobbag.entities.kinds import Plan, ToCreate
from jobbag.entities.plan import plan_of
from jobbag.errors import InputError, Problem
from jobbag.jobs import array_request, request
from jobbag.options.settings import Settings
from jobbag.run.task import Task
from jobbag.s3.place import S3Place


def task_of(settings: Settings) -> Task:
    """The task of a run. Raises InputError with all that is wrong with the input."""
    bag, problems = reader.load(settings.submit_files, settings.files, launcher=settings.launcher)
    if not problems and settings.followed_job is not None and not bag.named(settings.followed_job):
        problems.append(Problem("--follow", f"there is no job {settings.followed_job} in the bag"))
    plan, of_entities = plan_of(settings, bag)
    problems += of_entities
    problems += [*_output_problems(settings), *overwriting_problems(settings, bag)]
    if plan.place is None:
        raise AssertionError("a run always has a place in S3")
    problems += _key_problems(bag, plan.place)
    problems += request.request_problems(bag, plan.place)
    problems += array_request.launch_problems(bag, plan.place)
    if isinstance(plan.definition, ToCreate):
        new = plan.definition.request
        problems += capacity.unfit(bag.jobs, lambda ref: new if ref is None else {})
    if problems:
        raise InputError(dict.fromkeys(problems))  # the children of an array have the same ones
    return Task(bag, plan, plan.place)


def entities_of(settings: Settings) -> Plan:
    """The entities to create or delete. Raises InputError with all that is wrong with the input."""
    plan, problems = plan_of(settings, None)
    if problems:
        raise InputError(problems)
    return plan


def _key_problems(bag: Bag, place: S3Place) -> Iterator[Problem]:
    """Names from the command line that cannot be sent to S3, be it for a locale that has no letters for them."""
    named = [("--s3", place.url), *((f"input file {item!r}", job.base_name(item)) for item in bag.local_files())]
    for what, name in named:
        try:
            name.encode()
        except UnicodeEncodeError:
            yield Problem(what, "is not UTF-8 in this locale, as a key in S3 must be (LC_ALL=C.UTF-8 may help)")


def _output_problems(settings: Settings) -> Iterator[Problem]:
    wanted = {Path(): "the working directory"}
    if settings.merge_logs is not None:
        wanted.setdefault(settings.merge_logs.parent, "--merge-logs")
    if settings.log_file is not None:
        wanted.setdefault(settings.log_file.parent, "--log-file")
    for what, file in (("--summary", settings.summary), ("--report", settings.report)):
        if file is not None:
            wanted.setdefault(file.parent, what)
            if file.exists() and not file.is_file():
                yield Problem(what, f"{file} is no regular file")
    for path, what in wanted.items():
        if not path.is_dir():
            yield Problem(what, f"there is no directory {path}")
        elif not os.access(path, os.W_OK | os.X_OK):
            yield Problem(what, f"the directory {path.resolve()} is not writable")
