"""Pure: whether jobs can be sent to their queue with their job definition, as far as is known of the two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobbag.bag.job import Job
from jobbag.bag.rules import MEMORY_FIELD, QUEUE_FIELD
from jobbag.entities.capacity import fargate_misfit, needs_of_job, never_fits, platform_of, platforms_of
from jobbag.entities.containers import Form, containers_of, form_of
from jobbag.entities.kinds import DEFINITION, QUEUE
from jobbag.errors import Problem
from jobbag.escalation.amounts import no_way
from jobbag.events.observation import AWSLOGS
from jobbag.jobs.overrides import override_problems

Detail = Mapping[str, Any]

# The jobQueueType of a queue, and on what its jobs run.
_PLATFORMS = {"EKS": "EKS", "ECS": "EC2", "ECS_FARGATE": "FARGATE", "ECS_MANAGED_INSTANCES": "MANAGED_INSTANCES"}


@dataclass(frozen=True)
class Place:
    """Where a job is to run: its job definition, its queue and the compute environments of that, as AWS describes them
    or as they will be. What is not known is empty."""

    definition: Detail
    queue: Detail
    environments: tuple[Detail, ...] = ()

    @property
    def definition_name(self) -> str:
        return str(self.definition.get(DEFINITION.name_field))

    @property
    def queue_name(self) -> str:
        return str(self.queue.get(QUEUE.name_field))

    @property
    def platform(self) -> str | None:
        """What the queue's jobs run on; None if it is not known."""
        known = _PLATFORMS.get(str(self.queue.get("jobQueueType")))
        return known or next(filter(None, map(platform_of, self.environments)), None)


PlaceOf = Callable[[Job], Place]


def fallback_queues(jobs: Iterable[Job], of_option: str | None) -> dict[str, str]:
    """The job queues to which jobs are sent that lose their machines, and where each is named: by an option, which has
    this one, or by the first such job."""
    named = {job.on_spot_loss.job_queue: job for job in reversed([*jobs]) if job.on_spot_loss is not None}
    return {
        queue: "--fallback-queue" if queue == of_option else f"{job.where}: {QUEUE_FIELD}.jobQueue"
        for queue, job in reversed(named.items())
    }


def on_fallback_queue(job: Job) -> Job | None:
    """The job as it is sent when it has lost its machines; None if that is as before."""
    rule = job.on_spot_loss
    return None if rule is None else replace(job, request={**job.request, QUEUE.field: rule.job_queue})


def problems(jobs: Iterable[Job], place_of: PlaceOf, *, shares: bool = True) -> list[Problem]:
    """What AWS Batch would refuse of jobs, or never start. `shares`: whether share identifiers are looked at."""
    found: dict[Problem, None] = {}  # of the children of an array, once
    for job in jobs:
        place = place_of(job)
        found |= dict.fromkeys(override_problems(job, place.definition))
        wrong = _platform(place)
        fits = _size(job, place.definition, () if wrong else place.environments)
        whats = [*wrong, *fits, *_nodes(place), *_memory(job, place), *(_share(job, place) if shares else ())]
        found |= dict.fromkeys(Problem(job.where, what) for what in whats)
    return list(found)


def _platform(place: Place) -> list[str]:
    if str(place.queue.get("jobQueueType")).startswith("SAGEMAKER"):
        return [f"jobQueue: {place.queue_name} is for service jobs ({place.queue['jobQueueType']}): use another queue"]
    wanted, there = platforms_of(place.definition), place.platform
    if not wanted or there is None or there in wanted:
        return []
    needed = "with eksProperties" if there == "EKS" else f'with platformCapabilities: ["{there}"]'
    if wanted == ["EKS"]:
        needed = "without eksProperties"
    both = f"{place.definition_name} is for {' or '.join(wanted)}, and the job queue {place.queue_name} for {there}"
    return [f"jobDefinition: {both}: give a definition {needed}, or another queue"]


def _nodes(place: Place) -> Iterator[str]:
    spot = [str((one.get("computeResources") or {}).get("type")) == "SPOT" for one in place.environments]
    if form_of(place.definition) is Form.NODES and spot and all(spot):
        what = (
            "AWS Batch runs no multi-node jobs on spot instances: give a queue whose compute environment is of type EC2"
        )
        yield f"jobQueue: {place.queue_name}: {what}"


def _size(job: Job, definition: Detail, environments: tuple[Detail, ...]) -> Iterator[str]:
    needs = needs_of_job(job, definition)
    on_fargate = fargate_misfit(needs) if "FARGATE" in platforms_of(definition) else None
    if on_fargate is not None:
        yield f"{on_fargate.why}: {on_fargate.remedy}"
        return
    found = never_fits(needs, environments)
    if found is not None:
        yield f"resourceRequirements: the job asks for {needs}, and {found.why}: {found.remedy}"


def _memory(job: Job, place: Place) -> Iterator[str]:
    if job.on_out_of_memory is not None and (why := no_way(job, place.definition)) is not None:
        yield f"{MEMORY_FIELD}: {why}; leave it out (--more-memory, too), or give it as false"


def _share(job: Job, place: Place) -> Iterator[str]:
    if not place.queue:
        return
    if not place.queue.get("schedulingPolicyArn"):
        for field in ("shareIdentifier", "schedulingPriorityOverride"):
            if field in job.request:
                what = "has no fair-share scheduling policy: leave it out, or use a queue that has one"
                yield f"{field}: the job queue {place.queue_name} {what}"
        return
    if "shareIdentifier" not in job.request:
        what = 'has a fair-share scheduling policy: name a share, as in "shareIdentifier": "A"'
        yield f"shareIdentifier: is missing, and the job queue {place.queue_name} {what}"
    has_priority = "schedulingPriorityOverride" in job.request or "schedulingPriority" in place.definition
    if place.definition and not has_priority:
        what = "is fair-share: it is needed where the job definition has no schedulingPriority"
        yield f"schedulingPriorityOverride: is missing, and the job queue {place.queue_name} {what}"


def without_logs(jobs: Iterable[Job], definition_of: Callable[[Job], Detail]) -> Iterator[str]:
    """Of which jobs the output cannot come home, and why, in words."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        why = _why_no_logs(definition_of(job))
        if why is not None:
            found.setdefault(why, []).append(job)
    for why, those in found.items():
        more = f" and {len(those) - 1} more" if len(those) > 1 else ""
        yield f"the output of job {those[0].name}{more} will not come home: {why}"


def _why_no_logs(definition: Detail) -> str | None:
    if form_of(definition) is Form.EKS:
        return "AWS Batch sends none to CloudWatch Logs from pods on EKS (eksProperties); look for it in their cluster"
    ranges = definition.get(Form.NODES.value, {}).get("nodeRangeProperties") or [definition]
    drivers = [
        (container.get("logConfiguration") or {}).get("logDriver", AWSLOGS)
        for one in ranges
        for container in containers_of(one)
    ]
    if not drivers or AWSLOGS in drivers:
        return None
    return f"its job definition has the logDriver {drivers[0]}, and not {AWSLOGS}"
