"""What a run would find and do: it asks AWS what a run asks before it begins, and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jobbag.aws.regions import url_of_s3
from jobbag.bag.job import Job
from jobbag.bag.rules import OtherQueue
from jobbag.entities.capacity import Needs, needs_of_job
from jobbag.entities.kinds import ENVIRONMENT, QUEUE, Existing, Spec, ToCreate
from jobbag.errors import ToolError
from jobbag.escalation.amounts import tries
from jobbag.events.consumers import replay
from jobbag.events.events import Staged
from jobbag.jobs.array_request import JobGroup, Requests
from jobbag.jobs.diagnosis import Cause, Facts, obstacle
from jobbag.jobs.request import Target, target_of
from jobbag.options.settings import Settings
from jobbag.preflight import permissions
from jobbag.preflight.checks import Checked, check
from jobbag.preflight.permissions import Answer, Caller, Uses, Verdict
from jobbag.run import takeup
from jobbag.run.inputs import MissingInputs
from jobbag.run.packing import Packing, job_groups
from jobbag.run.safeguards import safeguards_of
from jobbag.run.takeup import Earlier, How
from jobbag.run.task import TaskOnAws
from jobbag.s3.contents import Contents, state_of
from jobbag.s3.in_flight import possible
from jobbag.threads import DaemonPool

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
    """What a run would find and do."""

    region: str
    checked: Checked
    caller: Caller | None = None
    environments: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # of the queues, by name
    canary: int = 0  # jobs that go first
    uploads: list[Upload] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    obstacles: list[tuple[Cause, list[Job]]] = field(default_factory=list)
    answer: Answer | None = None
    more_memory: Counter[tuple[int | None, tuple[int, ...]]] = field(default_factory=Counter)
    """How many jobs that run out of memory would be given what: what they ask for, and each try after it (MiB)."""
    other_queues: Counter[OtherQueue] = field(default_factory=Counter)  # how many jobs would go there
    warnings: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[ToolError]:
        """What a run would end with, in the order in which it would meet them."""
        return self.checked.errors


def probe(settings: Settings, task: TaskOnAws, earlier: Earlier) -> Findings:
    """Ask what a run would ask. Raises ToolError where nothing more can be known, such as of an AWS out of reach."""
    checked = check(settings, task, earlier)
    found = Findings(task.cloud.region, checked, warnings=[*checked.warnings, *checked.unknown])
    _Prober(settings, task, earlier, found).run()
    return found


@dataclass
class _Prober:
    settings: Settings
    task: TaskOnAws
    earlier: Earlier
    found: Findings

    def run(self) -> None:
        if not self.task.cloud.embedded:
            self.found.caller = self._ask(lambda: permissions.caller_of(self.task.cloud))
        jobs, state = self.task.bag.jobs, self.found.checked.state
        events = [] if self.earlier.how is How.FRESH else self.earlier.events(self.task.bag)
        events = takeup.without(events, self.found.checked.lost)
        safeguards = safeguards_of(self.settings, len(jobs), self.earlier.header.started)
        replay(events, safeguards)
        self.found.canary = safeguards.canary
        if state.has_to_send:
            to_send = state.to_send()
            staged = {event.item for event in events if isinstance(event, Staged)}
            self._uploads([item for item in MissingInputs(self.task.bag, to_send).items if item not in staged])
            self._requests(to_send)
            self._again(to_send)
            self._obstacles()
        self._permissions()

    def _ask(self, question: Callable[[], Found]) -> Found | None:
        """Ask what no run asks."""
        try:
            return question()
        except ToolError as error:
            self.found.warnings.append(str(error))
            return None

    # -- uploads

    def _uploads(self, items: list[str]) -> None:
        contents = Contents(self.task.cloud, self.task.place, is_new=not self.found.checked.bucket_is_there)

        def upload(item: str) -> Upload:
            key = self.task.place.key(self.task.bag.name_in_s3(item))
            return Upload(item, key, state_of(item)[0], contents.hold(item, key))

        files = [path for item in items for path, _ in self.task.bag.files_of(item)]
        by_key = {self.task.bag.name_in_s3(path): path for path in reversed(files)}  # files of one S3 key go up once
        self._ask(lambda: contents.look(len(by_key)))
        pool = DaemonPool(possible(self.settings.transfers))
        coming = [pool.submit(upload, path) for path in reversed(by_key.values())]
        pool.shutdown(wait=False)
        self.found.uploads = [one.result() for one in coming]

    # -- jobs

    def _again(self, jobs: list[Job]) -> None:
        """With what jobs would be sent again."""
        definition_of, environments = self._definition, self.found.checked.environments
        for job in jobs:
            if (rule := job.on_out_of_memory) is not None:
                definition = definition_of(job.request.get("jobDefinition"))
                needs, those = self._needs(job), environments.get(job.request.get("jobQueue"), ())
                self.found.more_memory[needs.memory, tuple(tries(rule, needs, definition, those))] += 1
            if job.on_spot_loss is not None:
                self.found.other_queues[job.on_spot_loss] += 1

    def _requests(self, jobs: list[Job]) -> None:
        region = self.task.bucket_region
        requests = Requests(self.task.bag, self.task.place, self._target(), region, url_of_s3(region))
        packing = Packing(self.settings.array)
        objects: dict[str, int] = {}  # sizes by key; several requests may need one
        for group in job_groups(jobs, packing, requests.can_be_packed, self.found.canary):
            prepared = requests.of(group, TOKEN)
            self.found.sendings.append(Sending(group, prepared.request, self._needs(group[0])))
            objects |= {key: one.size for key, one in prepared.objects.items()}
        self.found.uploads += [Upload(None, key, size, False) for key, size in objects.items()]

    def _target(self) -> Target:
        queue, definition = self._reference(self.task.plan.queue), self._reference(self.task.plan.definition)
        return target_of(queue, definition, self._definition, retries=self.settings.transient_retries)

    def _reference(self, spec: Spec | None) -> str | None:
        """The ARN of what there is, the name of what there will be."""
        if spec is None:
            return None
        checked = self.found.checked
        if isinstance(spec, ToCreate):
            return checked.made[spec.kind].arn if spec.kind in checked.made else spec.name
        entity = checked.entities.get((spec.kind, spec.ref))
        return entity.arn if entity else spec.ref

    def _definition(self, ref: str | None) -> Mapping[str, Any]:
        return self.found.checked.definition(ref, self.task.plan.definition)

    def _needs(self, job: Job) -> Needs:
        return needs_of_job(job, self._definition(job.request.get("jobDefinition")))

    # -- what would keep jobs from starting

    def _obstacles(self) -> None:
        by_queue: dict[str | None, list[Job]] = {}
        for sending in self.found.sendings:
            by_queue.setdefault(sending.jobs[0].request.get("jobQueue"), []).extend(sending.jobs)
        causes = ((obstacle(self._queue(ref)), jobs) for ref, jobs in by_queue.items())
        self.found.obstacles = [(cause, jobs) for cause, jobs in causes if cause is not None]

    def _queue(self, ref: str | None) -> Facts:
        spec = self.task.plan.queue
        if ref is None and isinstance(spec, ToCreate):
            return Facts(spec.name, detail=spec.request, environments=self._environments(ref))
        name = ref or (spec.ref if isinstance(spec, Existing) else "")
        entity = self.found.checked.entities.get((QUEUE, name))
        if entity is None:
            return Facts(name)
        return Facts(name, detail=entity.detail, environments=self._environments(ref))

    def _environments(self, ref: str | None) -> tuple[Mapping[str, Any], ...] | None:
        """The compute environments of a queue, as jobs name it."""
        found = self.found.checked.environments.get(ref)
        there = (one for one in found or () if "computeEnvironmentArn" in one)  # and is not to be created
        self.found.environments |= {str(one[ENVIRONMENT.name_field]): one for one in there}
        return found

    # -- permissions

    def _permissions(self) -> None:
        caller = self.found.caller
        if caller is None:
            return
        requests = [sending.request for sending in self.found.sendings]
        elsewhere = [rule.job_queue for rule in self.found.other_queues]
        uses = Uses(
            queues=tuple(dict.fromkeys([*(str(one["jobQueue"]) for one in requests), *elsewhere])),
            definitions=tuple(dict.fromkeys(str(one["jobDefinition"]) for one in requests)),
            place=self.task.place,
            bucket_is_there=self.found.checked.bucket_is_there,
            uploads=any(not upload.there for upload in self.found.uploads),
            to_create=self.found.checked.to_create,
            keeps=self.settings.keep,
            deletes_streams=self.settings.delete_log_streams,
            tags=any("tags" in one for one in requests),
            results=self.settings.results is not None and any(job.outputs for job in self.task.bag.jobs),
        )
        self.found.answer = permissions.ask(self.task.cloud, caller, permissions.needed(caller, uses), uses)
        for right in self.found.answer.those(Verdict.DENIED):
            if right.vital:
                self.found.errors.append(ToolError(f"{caller.arn} may not do {right}"))
