"""Entities created for a run, and deleted at its end: these and no others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.deletion import delete
from jobbag.entities.entity import TAG, Entity, active_revisions, describe, find, is_marked
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, KINDS, QUEUE, Kind, Plan, ToCreate
from jobbag.entities.lookup import exists, fit, wait_until_ready
from jobbag.entities.waiting import may_become_valid, wait_until_valid
from jobbag.errors import AwsError, CleanupError, ToolError
from jobbag.events.consumers import Emit
from jobbag.events.events import Event, Made, Making, Removed, Removing, TakenDown

log = logging.getLogger(__name__)

LOOKS = (0.5, 1.0, 2.0)  # s between looks for what a call without an answer made
MOST_TAGS = 50  # of an entity


class EntityCreator:
    """Creates the entities of a plan, and deletes those that it created.

    `note` writes to the journal, durably, what is about to be created or deleted and what was: a later start knows it
    from there. `run` is the id of the run for which they are made: where they may be tagged, a tag with it proves that
    they are its own. "": they are made to stay.
    """

    def __init__(self, cloud: Cloud, note: Emit, run: str = "") -> None:
        self._cloud = cloud
        self._note = note
        self._run = run
        self._begun: dict[str, Making] = {}  # by kind: perhaps created, by a call whose answer is not known
        self._made: list[Made] = []
        self._doomed: set[str] = set()  # ARNs of those that an earlier start has begun to delete

    def replay(self, event: Event) -> None:
        """Take over what an earlier start made, or may have made, and what of that it removed."""
        match event:
            case Making(kind=kind) if kind in KINDS:
                self._begun[kind] = event
            case Made(kind=kind) if kind in KINDS:
                self._begun.pop(kind, None)
                self._made.append(event)
            case Removing(kind=kind, name=name) if kind in KINDS:
                self._doomed.add(name)
            case Removed(kind=kind, name=name) if kind in KINDS:
                self._doomed.discard(name)
                self._made = [one for one in self._made if one.arn != name]
                if kind in self._begun and self._begun[kind].name == name:
                    del self._begun[kind]
            case TakenDown():
                self._begun.clear()
                self._made.clear()
                self._doomed.clear()

    def _tell(self, event: Event) -> None:
        self._note(event)
        self.replay(event)

    @property
    def made(self) -> list[Entity]:
        """What was created, and is not removed yet."""
        return [Entity(KINDS[one.kind], one.name, one.arn, {}) for one in self._made]

    @property
    def left(self) -> list[Event]:
        """The events by which another run takes over what is not removed."""
        return [*self._begun.values(), *self._made, *(Removing(one.kind, one.arn) for one in self._made)]

    def usable(self) -> dict[Kind, Entity]:
        """What an earlier start made, and can be gone on with; the rest is gone, or being deleted.

        Raises InputError for what is not fit for use for another reason, such as that somebody disabled it.
        """
        found = {}
        for one in self._made:
            kind = KINDS[one.kind]
            detail = None if one.arn in self._doomed else find(self._cloud, kind, one.arn, one.mark)
            if detail is None or detail.get("status") == "DELETING":
                continue
            if may_become_valid(detail):  # which is waited for before it is used
                found[kind] = Entity(kind, one.name, one.arn, detail)
            else:
                found[kind] = fit(kind, one.arn, detail)
        return found

    def prepare(self, plan: Plan, known: Mapping[Kind, Entity]) -> dict[Kind, Entity]:
        """All entities of the plan: the `known` ones, and the others, created in the order that AWS needs.

        What an earlier start has half deleted is deleted, and made anew. Raises AwsError when one cannot be created,
        CleanupError or Cancelled.
        """
        usable = self.usable()
        self._finish_removal([one.arn for one in usable.values()])
        ready = dict(known)
        for spec in (plan.environment, plan.queue, plan.definition):
            if isinstance(spec, ToCreate):
                before = usable.get(spec.kind) or self._adopt(spec)
                if before is not None:
                    wait_until_ready(self._cloud, before)
                ready[spec.kind] = before or self._create(spec, ready.get(ENVIRONMENT))
        return ready

    def _finish_removal(self, usable: list[str]) -> None:
        """Delete what an earlier start made and that is not usable, given by ARN, any more."""
        for one in self._made:
            if one.arn not in usable:
                log.info("the %s %s was being removed: waiting until it is gone", KINDS[one.kind].words, one.name)
        self._delete(self._cloud, [one for one in self._made if one.arn not in usable])

    def _adopt(self, spec: ToCreate) -> Entity | None:
        """The entity of a create call of an earlier start that got no answer, if AWS has it."""
        begun = self._begun.get(spec.kind.arn_type)
        detail = self._find(self._cloud, begun) if begun is not None and begun.name == spec.name else None
        return self._keep(begun, detail) if begun is not None and detail is not None else None

    def _create(self, spec: ToCreate, environment: Entity | None) -> Entity:
        """Create an entity, with a tag if that is allowed. Raises AwsError."""
        request = _create_request(spec, environment)
        tags = dict(request.get("tags") or {})
        if self._run and len(tags) < MOST_TAGS:
            with suppress(_NoTags):
                return self._call_create(spec, {**request, "tags": {**tags, TAG: self._run}}, self._run)
        return self._call_create(spec, request, "")

    def _call_create(self, spec: ToCreate, request: Mapping[str, Any], mark: str) -> Entity:
        begun = self._begin(spec, mark)
        kind = spec.kind
        log.info("creating the %s %s", kind.words, spec.name)
        try:
            made = self._cloud.call_or_find("batch", kind.create, lambda: self._find_in_time(begun), **request)
        except AwsError as error:
            if not error.unsure:
                self._tell(Removed(begun.kind, begun.name))
                if mark and error.is_denial:
                    log.debug("%s is called without a tag: %s", kind.create, error.message)
                    raise _NoTags from None
            raise error.about(_subject(spec)) from None
        entity = self._keep(begun, made)
        if kind is not DEFINITION:
            wait_until_valid(self._cloud, entity)
        return entity

    def _find_in_time(self, begun: Making) -> dict[str, Any] | None:
        """What a call without an answer made; AWS may need a moment to show it."""
        for pause in LOOKS:
            found = self._find(self._cloud, begun)
            if found is not None:
                return found
            self._cloud.pause(pause)
        return self._find(self._cloud, begun)

    def _find(self, cloud: Cloud, begun: Making) -> dict[str, Any] | None:
        """What AWS shows of the entity that a create call may have made.

        The name alone is no proof: another run may have made one of this name at the same moment.
        """
        shown = self._shown(cloud, begun) if begun.mark or not self._run else ()
        return next((detail for detail in shown if is_marked(detail, begun.mark)), None)

    def _shown(self, cloud: Cloud, begun: Making) -> list[dict[str, Any]]:
        """What AWS shows, under the name of an entity, that was not there when its creation began."""
        kind = KINDS[begun.kind]
        if kind is DEFINITION:
            return [one for one in active_revisions(cloud, begun.name) if one["revision"] > begun.before]
        detail = describe(cloud, kind, begun.name)
        return [] if detail is None else [detail]

    def _begin(self, spec: ToCreate, mark: str) -> Making:
        """Journal that an entity is about to be created. Raises AwsError unless its name is free."""
        before = 0
        if spec.kind is DEFINITION:
            before = max((int(one["revision"]) for one in active_revisions(self._cloud, spec.name)), default=0)
        elif exists(self._cloud, spec.kind, spec.name):
            raise already_exists(spec)
        begun = Making(spec.kind.arn_type, spec.name, before, mark)
        self._tell(begun)
        return begun

    def _keep(self, begun: Making, made: Mapping[str, Any]) -> Entity:
        """Remember what was made, by the answer to the create call, or as AWS shows it."""
        kind = KINDS[begun.kind]
        name = begun.name if kind is not DEFINITION else f"{begun.name}:{made['revision']}"
        arn = made[kind.arn_field]
        self._tell(Made(begun.kind, name, arn, begun.mark))
        self._cloud.settling.made("batch")
        return Entity(kind, name, arn, made)

    def take_down(self, cloud: Cloud) -> None:
        """Delete what this run created, in the order that AWS needs. Raises CleanupError, after trying all."""
        failures = []
        for begun in list(self._begun.values()):  # created or not: the start was killed, or the answer was lost
            try:
                detail = self._find(cloud, begun)
                if detail is not None:
                    self._keep(begun, detail)
                elif shown := self._shown(cloud, begun) if not begun.mark else []:
                    failures.append(_not_proven(begun, shown[0]))
                else:
                    self._tell(Removed(begun.kind, begun.name))
            except ToolError as error:
                failures.append(f"the {KINDS[begun.kind].words} {begun.name} may be left: {error}")
        try:
            self._delete(cloud, self._made)
        except CleanupError as error:
            failures += error.failures
        if failures:
            raise CleanupError(failures)

    def _delete(self, cloud: Cloud, made: list[Made]) -> None:
        doomed = [(KINDS[one.kind], one.arn) for one in made]
        delete(cloud, doomed, {one.arn: one.mark for one in made}, self._tell)


class _NoTags(Exception):
    """These credentials may not create an entity with a tag, or not at all."""


def _not_proven(begun: Making, shown: Mapping[str, Any]) -> str:
    kind = KINDS[begun.kind]
    name = f"{begun.name}:{shown['revision']}" if kind is DEFINITION else begun.name
    return (
        f"the {kind.words} {name} stays: AWS did not say whether this run made it or another; if nobody needs it, "
        f"delete it with --delete {kind.option} {name}"
    )


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
