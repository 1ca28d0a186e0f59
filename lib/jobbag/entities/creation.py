"""Entities created for a run, and deleted at its end: these and no others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.deletion import delete
from jobbag.entities.entity import Entity, active_revisions, describe, describe_definition
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, KINDS, QUEUE, Kind, Plan, ToCreate
from jobbag.entities.lookup import exists, look_up
from jobbag.entities.waiting import wait_until_valid
from jobbag.errors import AwsError, InputError
from jobbag.events.events import Emit, Event, Made, Making, TakenDown

log = logging.getLogger(__name__)

LOOKS = (0.5, 1.0, 2.0)  # s between looks for what a call without an answer made


class EntityCreator:
    """Creates the entities of a plan, and deletes those that it created.

    `note` writes to the journal, durably, what is about to be created and what was: a later start knows it from there.
    """

    def __init__(self, cloud: Cloud, note: Emit) -> None:
        self._cloud = cloud
        self._note = note
        self._begun: dict[str, Making] = {}  # by kind: perhaps created, by a call whose answer is not known
        self.made: list[Entity] = []

    def replay(self, event: Event) -> None:
        """Take over what an earlier start made, or may have made."""
        match event:
            case Making(kind=kind) if kind in KINDS:
                self._begun[kind] = event
            case Made(kind=kind, name=name, arn=arn) if kind in KINDS:
                self._begun.pop(kind, None)
                self.made.append(Entity(KINDS[kind], name, arn, {}))
            case TakenDown():
                self._begun.clear()
                self.made.clear()

    def prepare(self, plan: Plan, known: Mapping[Kind, Entity]) -> dict[Kind, Entity]:
        """All entities of the plan: the `known` ones, and the others, created in the order that AWS needs.

        Raises AwsError when one cannot be created, or Cancelled.
        """
        ready = dict(known)
        for spec in (plan.environment, plan.queue, plan.definition):
            if isinstance(spec, ToCreate):
                ready[spec.kind] = self._already_made(spec) or self._create(spec, ready.get(ENVIRONMENT))
        return ready

    def _already_made(self, spec: ToCreate) -> Entity | None:
        """The entity that an earlier start created for this spec, if it is still there."""
        for entity in [one for one in self.made if one.kind is spec.kind]:
            try:
                return look_up(self._cloud, entity.kind, entity.arn)
            except InputError:
                self.made.remove(entity)
        begun = self._begun.get(spec.kind.arn_type)
        return self._adopt(begun) if begun is not None and begun.name == spec.name else None

    def _adopt(self, begun: Making) -> Entity | None:
        """The entity of a create call that got no answer, if AWS has it."""
        detail = self._find(begun)
        return self._keep(begun, detail) if detail is not None else None

    def _create(self, spec: ToCreate, environment: Entity | None) -> Entity:
        kind = spec.kind
        begun = self._begin(spec)
        log.info("creating the %s %s", kind.words, spec.name)
        request = _create_request(spec, environment)
        try:
            # It was not there before, so what is there after a lost answer is ours.
            made = self._cloud.call_or_find("batch", kind.create, lambda: self._find_in_time(begun), **request)
        except AwsError as error:
            raise error.about(_subject(spec)) from None
        return self._keep(begun, made)

    def _find_in_time(self, begun: Making) -> dict[str, Any] | None:
        """What a call without an answer made; AWS may need a moment to show it."""
        for pause in LOOKS:
            found = self._find(begun)
            if found is not None:
                return found
            self._cloud.pause(pause)
        return self._find(begun)

    def _find(self, begun: Making) -> dict[str, Any] | None:
        """What AWS shows of the entity that a create call may have made."""
        kind = KINDS[begun.kind]
        if kind is not DEFINITION:
            return describe(self._cloud, kind, begun.name)
        detail = describe_definition(self._cloud, begun.name)
        return detail if detail is not None and detail["revision"] > begun.before else None

    def _begin(self, spec: ToCreate) -> Making:
        """Journal that an entity is about to be created. Raises AwsError unless its name is free: so what has it later
        is that entity.
        """
        before = 0
        if spec.kind is DEFINITION:
            before = max((int(one["revision"]) for one in active_revisions(self._cloud, spec.name)), default=0)
        elif exists(self._cloud, spec.kind, spec.name):
            raise already_exists(spec)
        begun = Making(spec.kind.arn_type, spec.name, before)
        self._begun[begun.kind] = begun
        self._note(begun)
        return begun

    def _keep(self, begun: Making, made: Mapping[str, Any]) -> Entity:
        """Remember what was made, by the answer to the create call, or as AWS shows it; and wait until it is ready."""
        kind = KINDS[begun.kind]
        name = begun.name if kind is not DEFINITION else f"{begun.name}:{made['revision']}"
        entity = Entity(kind, name, made[kind.arn_field], {})
        self.made.append(entity)
        self._begun.pop(begun.kind, None)
        self._note(Made(begun.kind, entity.name, entity.arn))
        if kind is not DEFINITION:
            wait_until_valid(self._cloud, entity)
        return entity

    def take_down(self, cloud: Cloud) -> None:
        """Delete what this run created, in the order that AWS needs. Raises CleanupError, after trying all."""
        for begun in list(self._begun.values()):  # created or not: the start was killed, or the answer was lost
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


def _create_request(spec: ToCreate, environment: Entity | None) -> dict[str, Any]:
    request = dict(spec.request)
    if spec.kind is QUEUE:
        request.setdefault("state", "ENABLED")
        if environment is not None:  # its name becomes its ARN
            request["computeEnvironmentOrder"] = [
                {**entry, "computeEnvironment": environment.arn}
                if entry.get("computeEnvironment") in (environment.name, environment.arn)
                else entry
                for entry in request.get("computeEnvironmentOrder", [])
            ]
    return request
