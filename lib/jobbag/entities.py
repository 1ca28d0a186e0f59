"""Batch entities: looked up, created, waited for, deleted; and the record of what this run made itself."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jobbag.aws import Cloud
from jobbag.bag import Bag, Job
from jobbag.capacity import those_of
from jobbag.errors import AwsError, CleanupError, InputError, Problem, ToolError
from jobbag.events import Emit, Event, Made, Making, TakenDown
from jobbag.specs import DEFINITION, ENVIRONMENT, JOB_ENTITIES, QUEUE, Existing, Kind, Plan, ToCreate

log = logging.getLogger(__name__)

SETTLE = 600.0  # s for an entity to become VALID, or to be gone
ATTEMPTS = 5  # to create an entity, when answers are lost
LOOKS = (0.5, 1.0, 2.0)  # s between looks for what a call without an answer made
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # s between two looks

# For the kinds that have a state: how to describe, update and delete one.
_CALLS = {
    ENVIRONMENT: ("DescribeComputeEnvironments", "computeEnvironments", "computeEnvironment"),
    QUEUE: ("DescribeJobQueues", "jobQueues", "jobQueue"),
}
_TRANSITION = re.compile(
    r"resource is being modified|existing JobQueue relationship|must be (created and )?valid", re.I
)


@dataclass(frozen=True)
class Entity:
    """An entity that is ready for use."""

    kind: Kind
    name: str
    arn: str
    detail: Mapping[str, Any]  # what its Describe call says; empty for what was just created


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


def look_up_of_jobs(cloud: Cloud, bag: Bag) -> dict[tuple[Kind, str], Entity]:
    """The queues and definitions that jobs name themselves. Raises InputError with all that are not fit for use."""
    found: dict[tuple[Kind, str], Entity] = {}
    problems: list[Problem] = []
    for kind, ref, job in named_by_jobs(bag):
        try:
            found[kind, ref] = look_up(cloud, kind, ref)
        except InputError as error:
            problems += error.at(job.where).problems
    if problems:
        raise InputError(problems)
    return found


def named_by_jobs(bag: Bag) -> Iterator[tuple[Kind, str, Job]]:
    """The queues and definitions that jobs name themselves, by name or ARN, each with the first job that does."""
    for field, kind in JOB_ENTITIES.items():
        users = {job.request[field]: job for job in reversed(bag.jobs) if field in job.request}
        yield from ((kind, ref, job) for ref, job in users.items())


def look_up(cloud: Cloud, kind: Kind, ref: str) -> Entity:
    """An existing entity, by name or ARN, once it is ready.

    Raises InputError when it does not exist, is disabled or INVALID.
    """
    entity = inspect(cloud, kind, ref)
    if entity.detail.get("status") not in ("VALID", None) and kind is not DEFINITION:
        _wait_until_valid(cloud, entity)
    return entity


def inspect(cloud: Cloud, kind: Kind, ref: str) -> Entity:
    """The same, ready or not."""
    detail = _describe_definition(cloud, ref) if kind is DEFINITION else _describe(cloud, kind, ref)
    if detail is None:
        what = "does not exist, or has no ACTIVE revision," if kind is DEFINITION else "does not exist"
        raise InputError.of(kind.option, f"the {kind.words} {ref} {what} in {cloud.region}")
    entity = Entity(kind, detail[kind.name_field], detail[kind.arn_field], detail)
    if kind is DEFINITION:
        return entity
    if detail.get("state") == "DISABLED":
        raise InputError.of(kind.option, f"the {kind.words} {ref} is DISABLED; enable it, or use another")
    if detail.get("status") == "DELETING":
        raise InputError.of(kind.option, f"the {kind.words} {ref} is being deleted")
    if detail.get("status") == "INVALID":
        raise InputError.of(kind.option, f"the {kind.words} {ref} is INVALID: {_reason(detail)}")
    return entity


def environments(cloud: Cloud, refs: list[str]) -> tuple[Mapping[str, Any], ...]:
    """Those of the compute environments, by name or ARN, that there are."""
    operation, field, _ = _CALLS[ENVIRONMENT]
    return those_of(refs, cloud.call("batch", operation, None, **{field: refs})[field])


def exists(cloud: Cloud, kind: Kind, name: str) -> bool:
    """Whether there is a compute environment or a job queue of this name, in whatever state."""
    return _describe(cloud, kind, name) is not None


class Workshop:
    """Makes the entities of a plan, and takes down again those that it made.

    `note` journals, durably, what is about to be made and what was made: a run that is taken up again knows it.
    """

    def __init__(self, cloud: Cloud, note: Emit) -> None:
        self._cloud = cloud
        self._note = note
        self._begun: dict[str, Making] = {}  # by kind: perhaps made by an earlier start, or a call that got no answer
        self.made: list[Entity] = []

    def restore(self, event: Event) -> None:
        """Take over what an earlier start made, or may have made."""
        match event:
            case Making(kind=kind) if kind in _KINDS:
                self._begun[kind] = event
            case Made(kind=kind, name=name, arn=arn) if kind in _KINDS:
                self._begun.pop(kind, None)
                self.made.append(Entity(_KINDS[kind], name, arn, {}))
            case TakenDown():
                self._begun.clear()
                self.made.clear()

    def prepare(self, plan: Plan, known: Mapping[Kind, Entity]) -> dict[Kind, Entity]:
        """All entities of the plan: the `known` ones, and the rest, created in AWS's order."""
        ready = dict(known)
        for spec in (plan.environment, plan.queue, plan.definition):
            if isinstance(spec, ToCreate):
                ready[spec.kind] = self._already_made(spec) or self._create(spec, ready.get(ENVIRONMENT))
        return ready

    def _already_made(self, spec: ToCreate) -> Entity | None:
        """What an earlier start made for this spec, if it is still there."""
        for entity in [one for one in self.made if one.kind is spec.kind]:
            try:
                return look_up(self._cloud, entity.kind, entity.arn)
            except InputError:
                self.made.remove(entity)
        begun = self._begun.get(spec.kind.arn_type)
        return self._adopt(begun) if begun is not None and begun.name == spec.name else None

    def _adopt(self, begun: Making) -> Entity | None:
        """The entity of a create call that got no answer, if AWS has it."""
        kind = _KINDS[begun.kind]
        if kind is DEFINITION:
            detail = _describe_definition(self._cloud, begun.name)
            if detail is None or detail["revision"] <= begun.before:
                return None
        else:
            detail = _describe(self._cloud, kind, begun.name)
            if detail is None:
                return None
        return self._keep(kind, begun.name, detail[kind.arn_field], detail.get("revision"))

    def _create(self, spec: ToCreate, environment: Entity | None) -> Entity:
        kind = spec.kind
        begun = self._begin(spec)
        log.info("creating the %s %s", kind.words, spec.name)
        request = _create_request(spec, environment)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._cloud.call_once("batch", kind.create, **request)
            except AwsError as error:
                # It was not there before, so what is there now is ours.
                ours = error.unsure or (attempt > 1 and "already exists" in error.message.lower())
                found = self._adopt_in_time(begun) if ours else None
                if found is not None:
                    return found
                if not error.unsure or attempt == ATTEMPTS:
                    raise error.about(_subject(spec)) from None
            else:
                return self._keep(kind, spec.name, answer[kind.arn_field], answer.get("revision"))
        raise AssertionError("the last attempt returns or raises")

    def _adopt_in_time(self, begun: Making) -> Entity | None:
        """What a call without an answer made; AWS may need a moment to show it."""
        for pause in LOOKS:
            found = self._adopt(begun)
            if found is not None:
                return found
            self._cloud.pause(pause)
        return self._adopt(begun)

    def _begin(self, spec: ToCreate) -> Making:
        """Make sure that the name is free, so that what is found under it later is ours; and journal the intent."""
        before = 0
        if spec.kind is DEFINITION:
            before = max((int(one["revision"]) for one in _active_revisions(self._cloud, spec.name)), default=0)
        elif exists(self._cloud, spec.kind, spec.name):
            raise already_exists(spec)
        begun = Making(spec.kind.arn_type, spec.name, before)
        self._begun[begun.kind] = begun
        self._note(begun)
        return begun

    def _keep(self, kind: Kind, name: str, arn: str, revision: int | None) -> Entity:
        entity = Entity(kind, name if revision is None else f"{name}:{revision}", arn, {})
        self.made.append(entity)
        self._begun.pop(kind.arn_type, None)
        self._note(Made(kind.arn_type, entity.name, arn))
        if kind is not DEFINITION:
            _wait_until_valid(self._cloud, entity)
        return entity

    def take_down(self, cloud: Cloud) -> None:
        """Delete what this run made, in AWS's order. Raises CleanupError after the last one."""
        for begun in list(self._begun.values()):  # made or not, when the start was killed or got no answer
            with suppress(AwsError):
                self._adopt(begun)
        delete(cloud, [(one.kind, one.arn) for one in self.made])
        self.made.clear()


def already_exists(spec: ToCreate) -> AwsError:
    """The error for a name that is taken."""
    message = "it exists already; give its name to use it, or another --prefix"
    return AwsError(spec.kind.create, "AlreadyExists", message, subject=_subject(spec))


def _subject(spec: ToCreate) -> str:
    return f"{spec.kind.words} {spec.name}" + (f" of {spec.path}" if spec.path else "")


_KINDS = {kind.arn_type: kind for kind in (DEFINITION, ENVIRONMENT, QUEUE)}


def _create_request(spec: ToCreate, environment: Entity | None) -> dict[str, Any]:
    request = dict(spec.request)
    if spec.kind is QUEUE:
        request.setdefault("state", "ENABLED")
        if environment is not None:  # the user's name for it, or ours, becomes its ARN
            request["computeEnvironmentOrder"] = [
                {**entry, "computeEnvironment": environment.arn}
                if entry.get("computeEnvironment") in (environment.name, environment.arn)
                else entry
                for entry in request.get("computeEnvironmentOrder", [])
            ]
    return request


def delete(cloud: Cloud, entities: list[tuple[Kind, str]]) -> None:
    """Delete entities by name or ARN: queues, then compute environments, then job definitions.

    What is gone already is fine. One failure does not stop the rest: all are raised together as CleanupError.
    """
    failures = []
    for kind in (QUEUE, ENVIRONMENT, DEFINITION):
        for ref in (ref for its_kind, ref in entities if its_kind is kind):
            try:
                _delete_definition(cloud, ref) if kind is DEFINITION else _delete_entity(cloud, kind, ref)
            except ToolError as error:
                failures.append(f"the {kind.words} {ref} could not be deleted: {error}")
    if failures:
        raise CleanupError(failures)


def _delete_entity(cloud: Cloud, kind: Kind, ref: str) -> None:
    _, _, field = _CALLS[kind]
    api = kind.create.removeprefix("Create")
    detail = _describe(cloud, kind, ref)
    if detail is None:
        log.info("the %s %s is gone already", kind.words, ref)
        return
    log.info("deleting the %s %s", kind.words, ref)
    if detail.get("state") != "DISABLED" and detail.get("status") != "DELETING":
        _when_settled(cloud, kind, ref, f"Update{api}", {field: ref, "state": "DISABLED"})
    if detail.get("status") != "DELETING":
        _until(lambda: _settled(cloud, kind, ref), f"the {kind.words} {ref} to be disabled", cloud)
        _when_settled(cloud, kind, ref, f"Delete{api}", {field: ref})
    _until(lambda: _describe(cloud, kind, ref) is None, f"the {kind.words} {ref} to be gone", cloud)


def _delete_definition(cloud: Cloud, ref: str) -> None:
    name, revision = definition_name(ref)
    found = [one for one in _active_revisions(cloud, name) if revision in (None, one["revision"])]
    if not found:
        log.info("the job definition %s is gone already", ref)
    for one in found:
        log.info("deregistering the job definition %s:%s", name, one["revision"])
        cloud.call("batch", "DeregisterJobDefinition", jobDefinition=one["jobDefinitionArn"])


# -- looking


def definition_name(ref: str) -> tuple[str, int | None]:
    """Name and revision of a job definition's name, name:revision or ARN."""
    name, _, revision = ref.rpartition("/")[2].partition(":")
    return name, int(revision) if revision.isdecimal() else None


def _describe(cloud: Cloud, kind: Kind, ref: str) -> dict[str, Any] | None:
    operation, field, _ = _CALLS[kind]
    found: list[dict[str, Any]] = cloud.call("batch", operation, None, **{field: [ref]})[field]
    return next((one for one in found if one.get("status") != "DELETED"), None)


def _describe_definition(cloud: Cloud, ref: str) -> dict[str, Any] | None:
    name, revision = definition_name(ref)
    found = [one for one in _active_revisions(cloud, name) if revision in (None, one["revision"])]
    return max(found, key=lambda one: int(one["revision"]), default=None)


def _active_revisions(cloud: Cloud, name: str) -> Iterator[dict[str, Any]]:
    for page in cloud.pages("batch", "DescribeJobDefinitions", jobDefinitionName=name, status="ACTIVE"):
        yield from page["jobDefinitions"]


def _reason(detail: Mapping[str, Any]) -> str:
    return str(detail.get("statusReason") or "AWS gives no reason")


# -- waiting


def _settled(cloud: Cloud, kind: Kind, ref: str) -> bool:
    detail = _describe(cloud, kind, ref)
    return detail is None or detail.get("status") in ("VALID", "INVALID")


def _wait_until_valid(cloud: Cloud, entity: Entity) -> None:
    def valid() -> bool:
        detail = _describe(cloud, entity.kind, entity.arn)
        if detail is not None and detail.get("status") == "INVALID":
            message = f"it is INVALID: {_reason(detail)}"
            raise AwsError(entity.kind.create, "INVALID", message, subject=f"{entity.kind.words} {entity.name}")
        return detail is not None and detail.get("status") == "VALID"

    _until(valid, f"the {entity.kind.words} {entity.name} to be VALID", cloud)


def _when_settled(cloud: Cloud, kind: Kind, ref: str, operation: str, request: Mapping[str, Any]) -> None:
    """Make a call that AWS refuses while the entity, or one attached to it, is in transition."""

    def done() -> bool:
        try:
            cloud.call("batch", operation, None, **request)
        except AwsError as error:
            if _TRANSITION.search(error.message):
                return False
            detail = _describe(cloud, kind, ref)
            if detail is not None and detail.get("status") != "DELETING":
                raise
            # gone, by a request that got no answer
        return True

    _until(done, "a change of the entity to end", cloud)


def _until(done: Callable[[], bool], what: str, cloud: Cloud) -> None:
    """Look again and again, with growing pauses, until it is so. Raises AwsError after SETTLE seconds."""
    deadline, pause = time.monotonic() + SETTLE, FIRST_PAUSE
    while not done():
        if time.monotonic() > deadline:
            raise AwsError("waiting", "Timeout", f"waited {SETTLE:.0f} s for {what}")
        log.debug("waiting for %s", what)
        cloud.pause(pause)
        pause = min(pause * 1.6, LONGEST_PAUSE)
