"""What is looked at in AWS before a run changes anything; a dry run looks at the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.entities import lookup
from jobbag.entities.capacity import environment_refs
from jobbag.entities.creation import EntityCreator, already_exists
from jobbag.entities.entity import Entity
from jobbag.entities.kinds import DEFINITION, QUEUE, Existing, Kind, Plan, Spec, ToCreate
from jobbag.errors import AwsError, InputError, SeveralErrors, ToolError
from jobbag.escalation.policy import Escalation
from jobbag.events.consumers import replay
from jobbag.events.costs import Priced
from jobbag.events.events import Event, Made, Making, Staged
from jobbag.events.state import RunState
from jobbag.options.settings import Settings
from jobbag.preflight import suitability
from jobbag.preflight.pricing import pricing
from jobbag.preflight.suitability import Place
from jobbag.run import takeup
from jobbag.run.inputs import MissingInputs
from jobbag.run.takeup import Earlier, How
from jobbag.run.task import TaskOnAws
from jobbag.s3 import bucket, contents
from jobbag.threads import DaemonPool

AT_ONCE = 8  # calls that do not depend on each other


@dataclass
class Checked:
    """What was found. `errors`: what a run would end with, in the order in which they were met."""

    state: RunState  # of the jobs, as an earlier start left them
    entities: dict[tuple[Kind, str], Entity] = field(default_factory=dict)  # that there are, by name or ARN
    made: dict[Kind, Entity] = field(default_factory=dict)  # by an earlier start, and still there
    to_create: tuple[ToCreate, ...] = ()
    bucket_is_there: bool = False
    lost: frozenset[str] = frozenset()  # files that an earlier start sent, and that S3 does not have any more
    environments: dict[str | None, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """The compute environments by what jobs name as their queue (None: that of the run), as far as they are known."""
    prices: list[Priced] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # what a run says before it begins
    unknown: list[str] = field(default_factory=list)  # why less is known
    errors: list[ToolError] = field(default_factory=list)

    def raise_errors(self) -> None:
        """Raises ToolError with all that is wrong, if anything is."""
        if len(self.errors) > 1:
            raise SeveralErrors(self.errors)
        for error in self.errors:
            raise error

    def forget_jobs(self) -> None:
        """Free what is known of the jobs, which may be a hundred thousand: a run has a state of its own."""
        self.state = RunState(Bag((), ()), self.state.start)

    def existing(self, plan: Plan) -> dict[Kind, Entity]:
        """Those entities of a plan that there are already."""
        specs = (plan.environment, plan.queue, plan.definition)
        return {spec.kind: self.entities[spec.kind, spec.ref] for spec in specs if isinstance(spec, Existing)}

    def definition(self, ref: str | None, given: Spec | None) -> Mapping[str, Any]:
        """What a job definition is, or is to be, as far as is known; the `given` one if there is no reference."""
        return self._detail(DEFINITION, ref, given)

    def queue(self, ref: str | None, given: Spec | None) -> Mapping[str, Any]:
        """The same of a job queue."""
        return self._detail(QUEUE, ref, given)

    def escalation(self, plan: Plan) -> Escalation:
        """Decides which jobs are sent again, by what was found."""
        return Escalation(partial(self.definition, given=plan.definition), lambda ref: self.environments.get(ref, ()))

    def _detail(self, kind: Kind, ref: str | None, given: Spec | None) -> Mapping[str, Any]:
        if ref is None and isinstance(given, ToCreate):
            return given.request
        entity = self.entities.get((kind, ref or (given.ref if isinstance(given, Existing) else "")))
        return entity.detail if entity else {}


def check(settings: Settings, task: TaskOnAws, earlier: Earlier) -> Checked:
    """Make all checks. Raises ToolError where nothing more can be known, such as of an AWS out of reach."""
    found = _Checks(settings, task, earlier).make()
    try:
        found.prices, warnings = pricing(settings, task.cloud, task.plan, found.environments)
        found.warnings += warnings
    except InputError as error:
        found.errors.append(error)
    return found


def check_account(settings: Settings, cloud: Cloud) -> None:
    """Raises InputError if the account that the user gave is not that of the credentials."""
    if settings.account is None or settings.local:
        return
    account = cloud.account()
    if account != settings.account:
        raise InputError.of("--account", f"{settings.account} is given, but the credentials are of {account}")


class _Checks:
    def __init__(self, settings: Settings, task: TaskOnAws, earlier: Earlier) -> None:
        self._settings = settings
        self._task = task
        self._earlier = earlier
        self._past = earlier.events(task.bag)
        self._events: list[Event] = [] if earlier.how is How.FRESH else self._past
        self._found = Checked(takeup.folded(self._events, task.bag))
        self._asked: dict[tuple[Kind, str], Future[Entity]] = {}  # entities that there are to be
        self._bucket_asked: Future[bool] = Future()

    def make(self) -> Checked:
        self._try(lambda: check_account(self._settings, self._task.cloud))
        if self._found.errors:  # what there is in another account tells nothing
            return self._found
        self._try(self._inputs)
        if self._found.state.has_to_send:  # else there are only results to collect
            self._ask()
            for look in (
                self._made_before,
                self._entities,
                self._entities_of_jobs,
                self._bucket,
                self._sent_before,
                self._fit,
            ):
                self._try(look)
        return self._found

    def _ask(self) -> None:
        """Ask side by side for what is looked at one by one: over a network, most of the time before the first job is
        that of these calls."""
        pool, cloud, plan = DaemonPool(AT_ONCE), self._task.cloud, self._task.plan
        named = [(kind, ref) for kind, ref, _ in lookup.named_by_jobs(self._task.bag)]
        given = [
            (spec.kind, spec.ref)
            for spec in (plan.environment, plan.queue, plan.definition)
            if isinstance(spec, Existing)
        ]
        others = [(QUEUE, ref) for ref in self._fallback_queues()]
        for kind, ref in dict.fromkeys([*given, *named, *others]):
            self._asked[kind, ref] = pool.submit(lookup.inspect, cloud, kind, ref)
        self._bucket_asked = pool.submit(bucket.exists, cloud, self._task.place)
        pool.shutdown(wait=False)

    def _try(self, look: Callable[[], None]) -> None:
        """What is wrong with the input or the permissions keeps nobody from looking further."""
        try:
            look()
        except InputError as error:
            self._found.errors.append(error)
        except AwsError as error:
            if not error.is_denial:
                raise
            self._found.errors.append(error)

    def _inputs(self) -> None:
        """Files that were sent are as they were."""
        if self._earlier.how is How.GO_ON and not self._settings.resume:
            takeup.check_inputs(self._task, self._events, self._settings.journal)

    def _made_before(self) -> None:
        """What an earlier start made is gone on with, unless it is gone, or was being removed."""
        creator = EntityCreator(self._task.cloud, lambda _: None, self._earlier.header.run)
        replay(self._events, creator)
        self._found.made = creator.usable()
        self._found.entities |= {(one.kind, one.arn): one for one in self._found.made.values()}

    def _entities(self) -> None:
        """Each is there and fit for use, or its name is free."""
        ours = {event.name for event in self._past if isinstance(event, (Making, Made))}
        for spec in (self._task.plan.environment, self._task.plan.queue, self._task.plan.definition):
            if isinstance(spec, Existing):
                self._find(spec.kind, spec.ref)
            elif spec is not None and spec.kind not in self._found.made:
                self._found.to_create += (spec,)
                if spec.kind is not DEFINITION and spec.name not in ours:
                    self._must_be_free(spec)
                if spec.kind is QUEUE:
                    self._try(partial(lookup.check_environments, self._task.cloud, spec, self._task.plan.environment))

    def _must_be_free(self, spec: ToCreate) -> None:
        def look() -> None:
            if lookup.exists(self._task.cloud, spec.kind, spec.name):
                self._found.errors.append(already_exists(spec))

        self._try(look)

    def _entities_of_jobs(self) -> None:
        for kind, ref, job in lookup.named_by_jobs(self._task.bag):
            self._find(kind, ref, job.where)
        for ref, where in self._fallback_queues().items():
            self._find(QUEUE, ref, where)

    def _fallback_queues(self) -> dict[str, str]:
        return suitability.fallback_queues(self._task.bag.jobs, self._settings.fallback_queue)

    def _find(self, kind: Kind, ref: str, where: str | None = None) -> None:
        def look() -> None:
            try:
                self._found.entities[kind, ref] = self._asked[kind, ref].result()
            except InputError as error:
                raise (error.at(where) if where else error) from None

        self._try(look)

    def _bucket(self) -> None:
        """It is there and ours to use, or is to be created. One that nothing can be said of counts as there."""
        self._found.bucket_is_there = True
        self._found.bucket_is_there = self._bucket_asked.result()
        if not self._found.bucket_is_there:
            bucket.check_name(self._task.place.bucket)

    def _sent_before(self) -> None:
        """What an earlier start sent to S3, and jobs still need, is there. What is not is sent again."""
        others = [job for job in self._task.bag.jobs if self._found.state.may_be_sent(job)]
        needed = set(MissingInputs(self._task.bag, self._found.state.to_send(), others).items)
        sent = [event for event in self._events if isinstance(event, Staged) and event.item in needed]
        if self._found.bucket_is_there:
            self._found.lost = contents.missing(self._task.cloud, self._task.place, sent)
        else:
            self._found.lost = frozenset(event.item for event in sent)

    def _fit(self) -> None:
        """No job is sent that AWS Batch would refuse, or never start."""
        state = self._found.state
        jobs = state.to_send()
        again = [job for job in self._task.bag.jobs if job.has_rules and not state.of(job).finished]  # perhaps
        elsewhere = [moved for job in again if (moved := suitability.on_fallback_queue(job)) is not None]
        for ref in dict.fromkeys(map(_queue_of, [*jobs, *again, *elsewhere])):
            queue = self._found.queue(ref, self._task.plan.queue)
            self._environments(ref, queue)
        self._found.warnings += suitability.without_logs(jobs, self._definition_of)
        unfit = suitability.problems([*jobs, *elsewhere], self._place_of, shares=not self._task.cloud.embedded)
        if unfit:
            raise InputError(unfit)

    def _place_of(self, job: Job) -> Place:
        ref = _queue_of(job)
        queue = self._found.queue(ref, self._task.plan.queue)
        return Place(self._definition_of(job), queue, self._found.environments.get(ref, ()))

    def _definition_of(self, job: Job) -> Mapping[str, Any]:
        return self._found.definition(job.request.get(DEFINITION.field), self._task.plan.definition)

    def _environments(self, ref: str | None, queue: Mapping[str, Any]) -> None:
        """Look at the compute environments of a queue: the one to be created, or those that there are."""
        new, refs = self._task.plan.environment, environment_refs(queue)
        if isinstance(new, ToCreate) and refs == [new.name]:
            self._found.environments[ref] = (new.request,)
        elif refs:
            try:
                self._found.environments[ref] = lookup.environments(self._task.cloud, refs)
            except AwsError as error:
                if not error.is_denial:
                    raise
                self._found.unknown.append(str(error))


def _queue_of(job: Job) -> str | None:
    ref: str | None = job.request.get(QUEUE.field)
    return ref
