"""What the options for entities mean: an existing one, or one to create from a JSON file or by default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobbag.bag import api_model, json_text
from jobbag.bag.job import Bag
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, KINDS, QUEUE, Existing, Kind, Plan, Spec, ToCreate
from jobbag.entities.names import LEGAL_NAME, MAX_NAME, Names
from jobbag.entities.rules import definition_problems, environment_problems, queue_problems
from jobbag.errors import InputError, Problem
from jobbag.hints import file_like
from jobbag.options.settings import Mode, Settings
from jobbag.s3.place import RUN_TO_COME, Encryption, S3Place, parts_of


def plan_of(settings: Settings, bag: Bag | None) -> tuple[Plan, list[Problem]]:
    """The entities and the place in S3 that the settings mean, and what is wrong with them. Reads JSON files.

    `bag` is None for --create and --delete. A plan with problems must not be used.
    """
    problems: list[Problem] = []
    names = Names(settings.prefix)
    queue = _spec(QUEUE, settings.job_queue, names, problems)
    definition = _spec(DEFINITION, settings.job_definition, names, problems)
    environment_value = settings.compute_environment
    running = settings.mode is Mode.RUN
    # With an existing queue a run needs no compute environment: a stale path in a properties file does no harm.
    if running and isinstance(queue, Existing) and environment_value and _is_missing_file(environment_value):
        environment_value = None
    environment = _spec(ENVIRONMENT, environment_value, names, problems)
    if running and isinstance(queue, Existing):
        environment = None
    if running and bag is not None:
        problems += _missing_entities(settings, bag, queue, environment, definition)
        if queue is None and environment is not None and any("jobQueue" not in job.request for job in bag.jobs):
            queue = ToCreate(QUEUE, {QUEUE.name_field: names.of(QUEUE), "priority": 1, "state": "ENABLED"}, None)
    if isinstance(queue, ToCreate) and settings.mode is not Mode.DELETE:
        queue, bad = _with_environment(queue, environment)
        problems += bad
    return Plan(definition, environment, queue, _place(settings, names, problems)), problems


def _missing_entities(
    settings: Settings, bag: Bag, queue: Spec | None, environment: Spec | None, definition: Spec | None
) -> Iterator[Problem]:
    if settings.local:
        return
    if queue is None and environment is None and not settings.job_queue and not settings.compute_environment:
        without = next((job for job in bag.jobs if "jobQueue" not in job.request), None)
        if without is not None:
            yield Problem(without.where, "has no job queue: give --job-queue or --compute-environment")
    if definition is None and not settings.job_definition:
        without = next((job for job in bag.jobs if "jobDefinition" not in job.request), None)
        if without is not None:
            yield Problem(without.where, "has no job definition: give --job-definition")


# -- the values of the options


def _is_missing_file(value: str) -> bool:
    return is_file(value) and not _exists(value)


def is_file(value: str) -> bool:
    """Whether the value of an option is a JSON file: an existing path, or anything with a slash that is no ARN."""
    return not value.startswith("arn:") and ("/" in value or value.endswith(".json") or _exists(value))


def _exists(path: str) -> bool:
    """Whether there is such a file; false for texts that cannot be a path."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _spec(kind: Kind, value: str | None, names: Names, problems: list[Problem]) -> Spec | None:
    if value is None:
        return None
    if not is_file(value):
        if value.startswith("arn:") and f":{kind.arn_type}/" not in value:
            problems.append(Problem(kind.option, f"{value} is no ARN of a {kind.words}"))
        return Existing(kind, value)
    path = Path(value)
    try:
        request = _unwrapped(json_text.loads(path.read_bytes(), path), kind.create)
    except InputError as error:
        problems += error.problems
        return None
    except OSError as error:
        problems.append(Problem(kind.option, f"cannot read {path}: {error.strerror}{file_like(path)}"))
        return None
    if not isinstance(request, dict):
        problems.append(Problem(str(path), f"must be an object: the request of {kind.create}"))
        return None
    other = next((one for one in KINDS.values() if one.name_field in request), kind)
    if kind.name_field not in request and other is not kind:
        problems.append(Problem(kind.option, f"{path} is a {other.words}, which is given with {other.option}"))
        return None
    if kind.name_field not in request:
        if names.prefix is None:
            problems.append(Problem(str(path), f"has no {kind.name_field}: give it there, or give --prefix"))
            return None
        request[kind.name_field] = names.of(kind)
    found = [*_entity_problems(kind, request)]
    problems += [Problem(str(path), f"{where}: {what}" if where else what) for where, what in found]
    return None if found else ToCreate(kind, request, path)


def _unwrapped(content: Any, operation: str) -> Any:
    """The request inside the Java tool's older form: {"RegisterJobDefinition": [{"input": {...}}]}."""
    if isinstance(content, dict) and content.keys() == {operation}:
        content = content[operation]
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, dict) and content.keys() == {"input"}:
        content = content["input"]
    return content


def _entity_problems(kind: Kind, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # What a file may leave out is filled in from the other options.
    given = ("computeEnvironmentOrder", *(f"computeEnvironmentOrder[{i}].computeEnvironment" for i in range(3)))
    wrong = list(api_model.problems(kind.create, request, given=given))
    yield from wrong
    name = request[kind.name_field]
    if isinstance(name, str) and not LEGAL_NAME.fullmatch(name):
        yield (
            kind.name_field,
            f"{name!r} must be {MAX_NAME} letters, digits, '-' and '_' at most, a letter or digit first",
        )
    parts = {_first_of(where) for where, _ in wrong}  # in which the rules may find nothing but what follows from it
    yield from ((where, what) for where, what in _RULES[kind](request) if _first_of(where) not in parts)


def _first_of(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


_RULES = {DEFINITION: definition_problems, ENVIRONMENT: environment_problems, QUEUE: queue_problems}


def _with_environment(queue: ToCreate, environment: Spec | None) -> tuple[ToCreate, list[Problem]]:
    """The queue, on the compute environment of `--ce` where its JSON names none."""
    order = queue.request.get("computeEnvironmentOrder") or [{"order": 1}]
    if "jobQueueType" in queue.request or all("computeEnvironment" in entry for entry in order):
        return queue, []
    where = str(queue.path or queue.kind.option)
    if environment is None:
        return queue, [
            Problem(where, "computeEnvironmentOrder names no compute environment: give --compute-environment")
        ]
    ref = environment.ref if isinstance(environment, Existing) else environment.name
    filled = [{"computeEnvironment": ref, **entry} for entry in order]
    return ToCreate(queue.kind, {**queue.request, "computeEnvironmentOrder": filled}, queue.path), []


def _place(settings: Settings, names: Names, problems: list[Problem]) -> S3Place | None:
    encryption = Encryption(settings.sse, settings.sse_kms_key_id)
    if settings.s3 is None:
        own = S3Place(names.bucket(), "", own=True, encryption=encryption).of_run(RUN_TO_COME)
        return own if settings.mode is Mode.RUN else None
    parts = parts_of(settings.s3)
    if parts is None:
        problems.append(Problem("--s3", f"{settings.s3!r} is no S3 URL: s3://bucket or s3://bucket/some/dir"))
        return S3Place("", "", own=False)
    bucket, slash, rest = parts
    key_prefix = rest if not rest or rest.endswith("/") else f"{rest}/"
    if {".", ".."} & set(rest.split("/")):
        problems.append(
            Problem("--s3", f"{settings.s3!r} has a '.' or '..' between slashes, which many programs resolve")
        )
    elif settings.mode is Mode.DELETE and slash and not rest:
        what = f"{settings.s3!r} has nothing behind the slash: s3://{bucket} deletes the bucket and all that is in it"
        problems.append(Problem("--s3", what))
    return S3Place(bucket, key_prefix, own=False, encryption=encryption)
