"""What a run would find and do: it asks AWS what a run asks before it begins, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.commands import permissions
from jobbag.commands.cloud import check_account
from jobbag.commands.permissions import Answer, Caller, Uses, Verdict, is_denial
from jobbag.entities import capacity, creation, lookup
from jobbag.entities.capacity import Needs, environment_refs, needs_of
from jobbag.entities.creation import EntityCreator
from jobbag.entities.entity import Entity
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Existing, Kind, Plan, Spec, ToCreate
from jobbag.errors import InputError, ToolError
from jobbag.events.events import Event, Made, Making, Staged
from jobbag.events.state import RunState
from jobbag.jobs.array_request import JobGroup, Requests
from jobbag.jobs.diagnosis import Cause, Facts, obstacle
from jobbag.jobs.request import Target, target_of
from jobbag.options.settings import Settings
from jobbag.run import takeup
from jobbag.run.inputs import MissingInputs
from jobbag.run.packing import Packing, job_groups
from jobbag.run.safeguards import safeguards_of
from jobbag.run.takeup import Earlier, How
from jobbag.s3 import bucket
from jobbag.s3.contents import is_there, state_of
from jobbag.s3.place import S3Place
from jobbag.s3.uploads import FILES_AT_ONCE, MANY, keys_there

TOKEN = "<token>"  # in the place of the one by which a job is found again

Found = TypeVar("Found")


@dataclass(frozen=True)
class Upload:
    """A local file that jobs wait for, or what is made for the launcher, which is no file (None).

    `there`: S3 holds it already, with the same content.
    """

    item: str | None
    key: str
    size: int  # bytes
    there: bool


@dataclass(frozen=True)
class Sending:
    """Jobs that one request would send, several if as an array; the request; and what each of them asks for."""

    jobs: JobGroup
    request: Mapping[str, Any]
    needs: Needs


@dataclass
class Findings:
    """What a run would find and do. `errors`: what it would end with, in the order in which it would meet them."""

    region: str
    caller: Caller | None = None
    state: RunState | None = None  # of the jobs of an earlier start
    entities: dict[tuple[Kind, str], Entity] = field(default_factory=dict)  # that there are, by name or ARN
    environments: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # of the queues, by name
    to_create: tuple[ToCreate, ...] = ()
    bucket_is_there: bool = False
    canary: int = 0  # jobs that go first
    uploads: list[Upload] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    obstacles: list[tuple[Cause, list[Job]]] = field(default_factory=list)
    answer: Answer | None = None
    errors: list[ToolError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def probe(settings: Settings, cloud: Cloud, bag: Bag, plan: Plan, place: S3Place, earlier: Earlier) -> Findings:
    """Ask what a run would ask. Raises ToolError where nothing more can be known, such as of an AWS out of reach."""
    found = Findings(cloud.region)
    _Prober(settings, cloud, bag, plan, place, earlier, found).run()
    return found


@dataclass
class _Prober:
    settings: Settings
    cloud: Cloud
    bag: Bag
    plan: Plan
    place: S3Place
    earlier: Earlier
    found: Findings
    _made: dict[Kind, str] = field(default_factory=dict)  # ARNs of what the earlier start made

    def run(self) -> None:
        self._try(lambda: check_account(self.settings, self.cloud))
        if not self.cloud.embedded:
            self.found.caller = self._ask(lambda: permissions.caller_of(self.cloud))
        past = self.earlier.events(self.bag)
        events = [] if self.earlier.how is How.FRESH else past
        if self.earlier.how is How.GO_ON and not self.settings.resume:
            path = self.settings.journal
            self._try(lambda: takeup.check_inputs(self.cloud, self.place, self.bag, events, path))
        state = takeup.folded(events, self.bag)
        self.found.state = state
        to_send = [job for job in self.bag.jobs if state.is_to_send(job)]
        bounds = self.settings.canary, self.settings.max_failures
        self.found.canary = safeguards_of(*bounds, len(self.bag.jobs), events, self.earlier.header.started).canary
        if state.has_to_send:
            self._look_up(events, {event.name for event in past if isinstance(event, (Making, Made))})
            there = self._try(lambda: bucket.exists(self.cloud, self.place.bucket))
            self.found.bucket_is_there = there is not False
            staged = {event.item for event in events if isinstance(event, Staged)}
            self._uploads([item for item in MissingInputs(self.bag, to_send).items if item not in staged])
            unfit = list(capacity.unfit(to_send, self._definition))
            if unfit:
                self.found.errors.append(InputError(unfit))
            self._requests(to_send)
            self._obstacles()
        self._permissions()

    def _try(self, step: Callable[[], Found]) -> Found | None:
        """Take a step of a run. What is wrong with the input or the permissions keeps nobody from looking further."""
        try:
            return step()
        except InputError as error:
            self.found.errors.append(error)
        except ToolError as error:
            if not is_denial(error):
                raise
            self.found.errors.append(error)
        return None

    def _ask(self, question: Callable[[], Found]) -> Found | None:
        """Ask what no run asks."""
        try:
            return question()
        except ToolError as error:
            self.found.warnings.append(str(error))
            return None

    # -- entities

    def _look_up(self, events: Iterable[Event], ours: set[str]) -> None:
        """`ours`: names of what the earlier start made, or may have made."""
        creator = EntityCreator(self.cloud, note=lambda _: None)
        for event in events:
            creator.restore(event)
        self._made = {entity.kind: entity.arn for entity in creator.made if self._is_left(entity)}
        for spec in (self.plan.environment, self.plan.queue, self.plan.definition):
            if isinstance(spec, Existing):
                self._find(spec.kind, spec.ref)
            elif spec is not None and spec.kind not in self._made:
                self.found.to_create += (spec,)
                if spec.kind is not DEFINITION and spec.name not in ours:
                    self._try(partial(self._must_be_free, spec))
        for kind, ref, job in lookup.named_by_jobs(self.bag):
            self._find(kind, ref, job)

    def _find(self, kind: Kind, ref: str, job: Job | None = None) -> None:
        def find() -> Entity:
            try:
                return lookup.inspect(self.cloud, kind, ref)
            except InputError as error:
                raise (error.at(job.where) if job else error) from None

        entity = self._try(find)
        if entity is not None:
            self.found.entities[kind, ref] = entity

    def _is_left(self, made: Entity) -> bool:
        """Whether what the earlier start made is still fit for use; if not, a run makes it anew."""
        try:
            self.found.entities[made.kind, made.arn] = lookup.inspect(self.cloud, made.kind, made.arn)
        except InputError:
            return False
        return True

    def _must_be_free(self, spec: ToCreate) -> None:
        if lookup.exists(self.cloud, spec.kind, spec.name):
            self.found.errors.append(creation.already_exists(spec))

    # -- uploads

    def _uploads(self, items: list[str]) -> None:
        there: set[str] | None = None if self.found.bucket_is_there else set()
        if there is None and len(items) >= MANY:
            there = self._ask(lambda: keys_there(self.cloud, self.place))

        def upload(item: str) -> Upload:
            key = self.place.key(item)
            may_be_there = there is None or key in there
            held = may_be_there and is_there(self.cloud, self.place, item)
            return Upload(item, key, state_of(item)[0], held)

        by_key = {self.place.key(item): item for item in reversed(items)}  # files of one S3 key go up once
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            self.found.uploads = list(pool.map(upload, reversed(by_key.values())))

    # -- jobs

    def _requests(self, jobs: list[Job]) -> None:
        requests = Requests(self.bag, self.place, self._target(), self.cloud.region)
        first, others = jobs[: self.found.canary], jobs[self.found.canary :]
        for group in [*((job,) for job in first), *job_groups(others, Packing(self.settings.array))]:
            prepared = requests.of(group, TOKEN)
            self.found.sendings.append(Sending(group, prepared.request, self._needs(group[0])))
            self.found.uploads += [Upload(None, key, len(data), False) for key, data in prepared.objects.items()]

    def _target(self) -> Target:
        queue, definition = self._reference(self.plan.queue), self._reference(self.plan.definition)
        detail = self._definition(None)
        return target_of(queue, definition, detail, retries=self.settings.transient_retries)

    def _reference(self, spec: Spec | None) -> str | None:
        """The ARN of what there is, the name of what there will be."""
        if spec is None:
            return None
        if isinstance(spec, ToCreate):
            return self._made.get(spec.kind, spec.name)
        entity = self.found.entities.get((spec.kind, spec.ref))
        return entity.arn if entity else spec.ref

    def _definition(self, ref: str | None) -> Mapping[str, Any]:
        """What a job definition is, or is to be; that of the command line if there is no reference."""
        spec = self.plan.definition
        if ref is None and isinstance(spec, ToCreate):
            return spec.request
        entity = self.found.entities.get((DEFINITION, ref or (spec.ref if isinstance(spec, Existing) else "")))
        return entity.detail if entity else {}

    def _needs(self, job: Job) -> Needs:
        return needs_of(self._definition(job.request.get("jobDefinition")), job.request.get("containerOverrides"))

    # -- what would keep jobs from starting

    def _obstacles(self) -> None:
        kinds: dict[tuple[str | None, Needs], list[Job]] = {}
        for sending in self.found.sendings:
            ref = sending.jobs[0].request.get("jobQueue")
            kinds.setdefault((ref, sending.needs), []).extend(sending.jobs)
        queues = {ref: self._queue(ref) for ref in dict.fromkeys(ref for ref, _ in kinds)}
        obstacles: dict[tuple[str, Cause], list[Job]] = {}
        for (ref, needs), jobs in kinds.items():
            cause = obstacle(replace(queues[ref], needs=(needs,)))
            if cause is not None:
                obstacles.setdefault((queues[ref].queue, cause), []).extend(jobs)
        self.found.obstacles = [(cause, jobs) for (_, cause), jobs in obstacles.items()]

    def _queue(self, ref: str | None) -> Facts:
        spec = self.plan.queue
        if ref is None and isinstance(spec, ToCreate):
            return Facts(spec.name, detail=spec.request, environments=self._environments(spec.request))
        name = ref or (spec.ref if isinstance(spec, Existing) else "")
        entity = self.found.entities.get((QUEUE, name))
        if entity is None:
            return Facts(name)
        return Facts(name, detail=entity.detail, environments=self._environments(entity.detail))

    def _environments(self, queue: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...] | None:
        """The compute environments of a queue: the one to be created, or those that there are."""
        spec = self.plan.environment
        refs = environment_refs(queue)
        if isinstance(spec, ToCreate) and refs == [spec.name]:
            return (spec.request,)
        found = self._ask(lambda: lookup.environments(self.cloud, refs)) if refs else None
        self.found.environments |= {str(one[ENVIRONMENT.name_field]): one for one in found or ()}
        return found

    # -- permissions

    def _permissions(self) -> None:
        caller = self.found.caller
        if caller is None:
            return
        requests = [sending.request for sending in self.found.sendings]
        uses = Uses(
            queues=tuple(dict.fromkeys(str(one["jobQueue"]) for one in requests)),
            definitions=tuple(dict.fromkeys(str(one["jobDefinition"]) for one in requests)),
            place=self.place,
            bucket_is_there=self.found.bucket_is_there,
            uploads=any(not upload.there for upload in self.found.uploads),
            to_create=self.found.to_create,
            keeps=self.settings.keep,
            deletes_streams=self.settings.delete_log_streams,
            tags=any("tags" in one for one in requests),
        )
        self.found.answer = permissions.ask(self.cloud, caller, permissions.needed(caller, uses), uses)
        for right in self.found.answer.those(Verdict.DENIED):
            if right.vital:
                self.found.errors.append(ToolError(f"{caller.arn} may not do {right}"))
