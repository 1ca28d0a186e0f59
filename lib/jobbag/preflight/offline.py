"""All that can be known to be wrong before AWS is asked.

boto3 is not imported here, nor by what is imported here: its 0.3 s are only for input that is good.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from jobbag.aws.regions import region_problem
from jobbag.bag import reader
from jobbag.bag.job import Bag, Job
from jobbag.bag.rules import MoreMemory, OtherQueue, Rules
from jobbag.bag.tables import Commands, Sweep, Table
from jobbag.entities.capacity import environment_refs
from jobbag.entities.containers import Form, form_of
from jobbag.entities.kinds import DEFINITION, QUEUE, Existing, Plan, ToCreate
from jobbag.entities.plan import plan_of
from jobbag.errors import InputError, Problem
from jobbag.hints import did_you_mean
from jobbag.jobs import array_request, request
from jobbag.jobs.ids import request_name
from jobbag.options.settings import Settings
from jobbag.preflight import suitability
from jobbag.preflight.overwriting import overwriting_problems
from jobbag.preflight.suitability import Place
from jobbag.run.task import Task
from jobbag.s3.place import LONGEST_KEY, S3Place


def task_of(settings: Settings, given: Table | None = None) -> Task:
    """The task of a run. Raises InputError with all that is wrong with the input.

    `given`: the bag, if it is not in the files that the settings name.
    """
    bag, problems = _bag_of(settings, given)
    if not problems and settings.followed_job is not None and not bag.named(settings.followed_job):
        problems.append(_no_job(settings.followed_job, bag))
    plan, of_entities = plan_of(settings, bag)
    problems += of_entities
    problems += _fallback_problems(settings, bag, plan)
    problems += [*_region_problems(settings), *_output_problems(settings), *overwriting_problems(settings, bag)]
    if plan.place is None:
        raise AssertionError("a run always has a place in S3")
    problems += _key_problems(bag, plan.place)
    problems += request.request_problems(bag, plan.place)
    problems += array_request.launch_problems(bag, plan.place)
    problems += suitability.problems(bag.jobs, partial(_place_of, plan), shares=not settings.local)
    if settings.local:
        problems += _not_local(plan)
    if problems:
        raise InputError(dict.fromkeys(problems))  # the children of an array have the same ones
    return Task(bag, plan, plan.place)


def _no_job(name: str, bag: Bag) -> Problem:
    hint = did_you_mean(name, (job.name for job in bag.jobs))
    return Problem("--follow", f"there is no job {name} in the bag{hint}")


def bag_of(settings: Settings, rules: Rules | None = None) -> Bag:
    """The bag alone, with `rules` in the place of those of the settings. Raises InputError with all that is wrong."""
    bag, problems = _bag_of(settings, rules=rules)
    if problems:
        raise InputError(problems)
    return bag


def _bag_of(settings: Settings, given: Table | None = None, rules: Rules | None = None) -> tuple[Bag, list[Problem]]:
    sources: list[Path | Table] = [*settings.submit_files] if given is None else [given]
    if settings.commands is not None:
        sources.append(Commands(settings.commands))
    if settings.sweep is not None:
        sources.append(Sweep(settings.sweep, settings.command, settings.inputs, settings.outputs, settings.name))
    return reader.load(sources, settings.files, launcher=settings.launcher, rules=rules or rules_of(settings))


def rules_of(settings: Settings) -> Rules:
    """When jobs are sent again that say nothing of it themselves."""
    memory = None if settings.more_memory is None else MoreMemory(times=settings.more_memory)
    queue = None if settings.fallback_queue is None else OtherQueue(settings.fallback_queue)
    return Rules(memory, queue)


def entities_of(settings: Settings) -> Plan:
    """The entities to create or delete. Raises InputError with all that is wrong with the input."""
    plan, problems = plan_of(settings, None)
    problems += _region_problems(settings)
    if problems:
        raise InputError(problems)
    return plan


def _place_of(plan: Plan, job: Job) -> Place:
    """Where a job is to run, as far as that is known without AWS."""
    definition, queue, environment = (
        spec.request if isinstance(spec, ToCreate) else {} for spec in (plan.definition, plan.queue, plan.environment)
    )
    if QUEUE.field in job.request:
        queue = {}
    is_its_own = isinstance(plan.environment, ToCreate) and environment_refs(queue) == [plan.environment.name]
    return Place({} if DEFINITION.field in job.request else definition, queue, (environment,) if is_its_own else ())


def _fallback_problems(settings: Settings, bag: Bag, plan: Plan) -> Iterator[Problem]:
    """Job queues for jobs that lose their machines which are none, are to be made first, or are the first ones."""
    made = plan.queue.name if isinstance(plan.queue, ToCreate) else None
    for ref, where in suitability.fallback_queues(bag.jobs, settings.fallback_queue).items():
        if ref.startswith("arn:") and f":{QUEUE.arn_type}/" not in ref:
            yield Problem(where, f"{ref} is no ARN of a {QUEUE.words}")
        elif ref == made or (not ref.startswith("arn:") and ("/" in ref or ref.endswith(".json"))):
            yield Problem(where, f"{ref}: give the name or ARN of a job queue that is there already")
        first = plan.queue.ref if isinstance(plan.queue, Existing) else None
        those = (job for job in bag.jobs if job.on_spot_loss is not None and job.on_spot_loss.job_queue == ref)
        if any(job.request.get(QUEUE.field, first) == ref for job in those):
            yield Problem(where, f"{ref} is the job queue that jobs are sent to in the first place")


def _not_local(plan: Plan) -> Iterator[Problem]:
    """What the embedded AWS does not have."""
    if isinstance(plan.definition, ToCreate) and (form := form_of(plan.definition.request)) is not Form.CONTAINER:
        what = (
            f"the embedded AWS runs jobs of one container (containerProperties), and this definition has {form.value}"
        )
        yield Problem(f"--local: {plan.definition.path}", what)


def _key_problems(bag: Bag, place: S3Place) -> Iterator[Problem]:
    """Names from the command line that no key in S3 can have."""
    # What the run itself puts there.
    own = place.key(f"{request_name('x' * request.TOKEN_LENGTH)}{array_request.MANIFEST}")
    if (what := _wrong_with_key(own)) is not None:
        yield Problem("--s3", what)
        return
    for item in bag.local_files():
        wrong = (what for name in bag.keys_of(item) if (what := _wrong_with_key(place.key(name))) is not None)
        yield from (Problem(f"input file {item!r}", what) for what in islice(wrong, 1))


def _wrong_with_key(key: str) -> str | None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:  # the locale has no letters for it
        return "is not UTF-8 in this locale, as a key in S3 must be (LC_ALL=C.UTF-8 may help)"
    return f"makes a key of {size} bytes, and S3 takes {LONGEST_KEY} at most" if size > LONGEST_KEY else None


def _region_problems(settings: Settings) -> Iterator[Problem]:
    """A slip in the name of a region. Whether there is an endpoint of its own is known with the configuration only."""
    wrong = settings.region and region_problem(settings.region, own_endpoint=True)
    if wrong:
        yield Problem("--region", wrong)


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
    if settings.results is not None and os.path.lexists(settings.results):  # else it is made with the first result
        wanted.setdefault(settings.results, "--results")
    for path, what in wanted.items():
        if not path.is_dir():
            yield Problem(what, f"there is no directory {path}")
        elif not os.access(path, os.W_OK | os.X_OK):
            yield Problem(what, f"the directory {path.resolve()} is not writable")
