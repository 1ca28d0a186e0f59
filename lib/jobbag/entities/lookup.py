"""Looks up existing entities, and checks that they are fit for use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.entities.capacity import environment_refs, those_of
from jobbag.entities.entity import Entity, definition_name, describe, describe_definition, find, status_reason
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, JOB_ENTITIES, Existing, Kind, Plan, Spec, ToCreate
from jobbag.entities.waiting import wait_until_valid
from jobbag.errors import InputError, Problem, ToolError
from jobbag.hints import SHOWN, command_of_aws, did_you_mean, some_of

PAGES = 5  # of a listing that is a help only
NOT_NEEDED = 10.0  # s for it


def look_up_all(cloud: Cloud, plan: Plan) -> dict[Kind, Entity]:
    """The existing entities of a plan. Raises InputError with all that are not fit for use."""
    found: dict[Kind, Entity] = {}
    problems: list[Problem] = []
    for spec in (plan.environment, plan.queue, plan.definition):
        if isinstance(spec, Existing):
            try:
                found[spec.kind] = look_up(cloud, spec.kind, spec.ref)
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def named_by_jobs(bag: Bag) -> Iterator[tuple[Kind, str, Job]]:
    """The queues and definitions that jobs name themselves, by name or ARN, each with the first job that does."""
    for field, kind in JOB_ENTITIES.items():
        users = {job.request[field]: job for job in reversed(bag.jobs) if field in job.request}
        yield from ((kind, ref, job) for ref, job in users.items())


def look_up(cloud: Cloud, kind: Kind, ref: str) -> Entity:
    """An existing entity, by name or ARN. Waits until it is VALID.

    Raises InputError when it does not exist, or is DISABLED, INVALID or being deleted; AwsError.
    """
    entity = inspect(cloud, kind, ref)
    wait_until_ready(cloud, entity)
    return entity


def wait_until_ready(cloud: Cloud, entity: Entity) -> None:
    """Wait for an entity that is in transition. Raises AwsError if it becomes INVALID, or takes too long."""
    if entity.detail.get("status") not in ("VALID", None) and entity.kind is not DEFINITION:
        wait_until_valid(cloud, entity)


def inspect(cloud: Cloud, kind: Kind, ref: str) -> Entity:
    """The same without waiting."""
    detail = find(cloud, kind, ref)
    if detail is None:
        what = "does not exist, or has no ACTIVE revision," if kind is DEFINITION else "does not exist"
        hint = _other(cloud, kind, ref) or there_are(cloud, kind, ref)
        raise InputError.of(kind.option, f"the {kind.words} {ref} {what} in {cloud.region}{hint}")
    return fit(kind, ref, detail)


def there_are(cloud: Cloud, kind: Kind, ref: str) -> str:
    """The end of a message on an entity that does not exist: some that do, the nearest first; and what lists them."""
    active = {"status": "ACTIVE"} if kind is DEFINITION else {}
    try:
        with cloud.within(NOT_NEEDED) as hurried:
            pages = islice(hurried.pages("batch", kind.describe, **active), PAGES)
            names = {str(one[kind.name_field]) for page in pages for one in page[kind.list_field]}
    except ToolError:  # it is a help only
        return ""
    name = definition_name(ref)[0] if kind is DEFINITION else ref.rpartition("/")[2]
    command = command_of_aws(f"batch describe-{kind.arn_type}s --region {cloud.region}")
    lists = f" ({command} lists them)" if command and len(names) > SHOWN else ""
    there = f"; there are {some_of(names, name)}{lists}" if names else "; there are none"
    return f"{there}{did_you_mean(name, names)}"


def _other(cloud: Cloud, kind: Kind, ref: str) -> str:
    """The revision that could be used in the place of one that is INACTIVE, or never was, in words."""
    name, revision = definition_name(ref)
    latest = describe_definition(cloud, name) if kind is DEFINITION and revision is not None else None
    return f"; revision {latest['revision']} is ACTIVE" if latest else ""


def fit(kind: Kind, ref: str, detail: Mapping[str, Any]) -> Entity:
    """An entity as AWS shows it. Raises InputError when it is DISABLED, INVALID or being deleted."""
    entity = Entity(kind, detail[kind.name_field], detail[kind.arn_field], detail)
    if kind is DEFINITION:
        return entity
    if detail.get("state") == "DISABLED":
        raise InputError.of(kind.option, f"the {kind.words} {ref} is DISABLED; enable it, or use another")
    if detail.get("status") == "DELETING":
        raise InputError.of(kind.option, f"the {kind.words} {ref} is being deleted")
    if detail.get("status") == "INVALID":
        raise InputError.of(kind.option, f"the {kind.words} {ref} is INVALID: {status_reason(detail)}")
    return entity


def environments(cloud: Cloud, refs: list[str]) -> tuple[Mapping[str, Any], ...]:
    """Those of the compute environments, by name or ARN, that there are."""
    field = ENVIRONMENT.list_field
    return those_of(refs, cloud.call("batch", ENVIRONMENT.describe, None, **{field: refs})[field])


def check_environments(cloud: Cloud, queue: ToCreate, planned: Spec | None) -> None:
    """Raises InputError where a queue that is to be created cannot have the compute environments that it names.

    `planned` is the one that is created before it, or that its option names, and is looked up for.
    """
    own = planned.request if isinstance(planned, ToCreate) else None
    told = planned.ref if isinstance(planned, Existing) else own and own[ENVIRONMENT.name_field]
    refs = [ref for ref in environment_refs(queue.request) if ref != told]
    there = environments(cloud, refs) if refs else ()
    known = {one.get(field) for one in there for field in (ENVIRONMENT.name_field, ENVIRONMENT.arn_field)}
    missing = [ref for ref in refs if ref not in known]
    found = [
        f"there is no compute environment {ref} in {cloud.region}{there_are(cloud, ENVIRONMENT, ref)}"
        for ref in missing
    ]
    types = (str((one.get("computeResources") or {}).get("type")) for one in (*there, *([own] if own else ())))
    if len({one.upper().startswith("FARGATE") for one in types}) > 1:
        found.append("compute environments of Fargate and of EC2 cannot be in one queue")
    if found:
        where = str(queue.path or queue.kind.option)
        raise InputError([Problem(where, f"computeEnvironmentOrder: {what}") for what in found])


def exists(cloud: Cloud, kind: Kind, name: str) -> bool:
    """Whether there is a compute environment or a job queue of this name, in whatever state."""
    return describe(cloud, kind, name) is not None
