"""Pure: the SubmitJob request of a job, and its limits."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobbag.bag.job import INPUTS_VARIABLE, Bag, Job, base_name, is_url, list_key
from jobbag.entities.kinds import QUEUE
from jobbag.entities.names import MAX_NAME, legal_name
from jobbag.errors import Problem
from jobbag.jobs import launcher
from jobbag.s3.place import S3Place, results_of

MAX_REQUEST_BYTES = 30 * 1024  # SubmitJob payload (AWS Batch service quotas)
MAX_OVERRIDES = 8192  # characters of a RunTask override (ECS API)
BUCKET_VARIABLE = "PEGASUS_AWS_BATCH_BUCKET"
JOB_NAME_VARIABLE = "PEGASUS_JOB_NAME"
TOKEN_VARIABLE = "PEGASUS_AWS_BATCH_TOKEN"  # by which a job is found again whose SubmitJob got no answer
TOKEN_LENGTH = 32  # characters at most


@dataclass(frozen=True)
class Target:
    """The queue and the definition, by name or ARN, of jobs that name none themselves. None: every job names one.

    `retry` is the retryStrategy of jobs with this definition; None: the definition has its own, or none is wanted.
    `details` gives what a job definition is, by what jobs name it (None: this one); empty: not known.
    """

    queue: str | None
    definition: str | None
    retry: Mapping[str, Any] | None = None
    details: Callable[[str | None], Mapping[str, Any]] = lambda _: {}

    def definition_of(self, job: Job) -> Mapping[str, Any]:
        """What the job definition of a job is, as far as that is known."""
        return self.details(job.request.get("jobDefinition"))


# What is the infrastructure's fault is tried again; what the user's program did is not. There are more words for the
# former, on EC2 and Fargate, than the five rules that a job can have. So the rules name the latter, and what matches
# none is tried again (AWS Batch User Guide, Automated job retries).
TRANSIENT_RETRY: Mapping[str, Any] = {
    "attempts": 3,
    "evaluateOnExit": [
        {"onReason": "CannotInspectContainerError*", "action": "RETRY"},  # though it says that the container exited
        {"onReason": "OutOfMemoryError*", "action": "EXIT"},
        {"onStatusReason": "Essential container in task exited*", "action": "EXIT"},
        {"onStatusReason": "OutOfMemoryError*", "action": "EXIT"},
        {"onStatusReason": "Job attempt duration exceeded timeout*", "action": "EXIT"},
    ],
}


def has_own_retry(definition: Mapping[str, Any]) -> bool:
    """Whether a job definition says itself when to try again."""
    strategy = definition.get("retryStrategy") or {}
    return bool(strategy.get("evaluateOnExit")) or strategy.get("attempts", 1) > 1


def target_of(
    queue: str | None, definition: str | None, details: Callable[[str | None], Mapping[str, Any]], *, retries: bool
) -> Target:
    """The target of a run's jobs.

    `details` gives definitions as AWS describes them, or their create requests. `retries`: transient failures are
    retried.
    """
    return Target(queue, definition, TRANSIENT_RETRY if retries and not has_own_retry(details(None)) else None, details)


def environment_of(job: Job, bag: Bag, place: S3Place) -> dict[str, str]:
    """The variables of a job: its own, and those of the tool, which win: they say where the files really are."""
    variables = dict(job.environment)
    variables[BUCKET_VARIABLE] = place.url
    variables[JOB_NAME_VARIABLE] = job.sent_name
    variables[launcher.RESULTS_VARIABLE] = f"{place.url}{results_of(job.sent_name)}"
    if job.items:
        variables[launcher.ITEMS_VARIABLE] = "\n".join(_item_lines(bag, job, place))
    if job.outputs:
        variables[launcher.OUTPUTS_VARIABLE] = "\n".join(job.outputs)
    items = [item if is_url(item) else base_name(item) for item in (*job.inputs, *bag.common)]
    if items:
        variables[INPUTS_VARIABLE] = ",".join(dict.fromkeys(items))
    return variables


def _item_lines(bag: Bag, job: Job, place: S3Place) -> Iterator[str]:
    """What the launcher is to fetch, two lines for each: its kind and URL, and where it lands."""
    for item in job.items:
        if item.of_job is not None:
            yield f"r {place.url}{results_of(item.of_job[0])}{item.of_job[1]}"
        elif not item.is_local:
            yield f"f {item.source}"
        elif bag.is_directory(item.source):
            yield f"l {place.url}{list_key(item.source)}"
        else:
            kind = "x" if os.access(item.source, os.X_OK) else "f"
            yield f"{kind} {place.url}{bag.name_in_s3(item.source)}"
        yield item.target


def submit_request(job: Job, bag: Bag, place: S3Place, target: Target, token: str) -> dict[str, Any]:
    """The SubmitJob request of a job, by itself and without the launcher, or of the user's own array that it is in.

    `token`: what to find it by.
    """
    variables = {**environment_of(job, bag, place), TOKEN_VARIABLE: token}
    overrides = {
        **job.request.get("containerOverrides", {}),
        "command": [job.executable, *job.arguments],
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
    }
    request = {"jobName": legal_name(job.sent_name), **job.request, "containerOverrides": overrides}
    if target.queue is not None:
        request.setdefault("jobQueue", target.queue)
    if target.definition is not None:
        if target.retry is not None and "jobDefinition" not in job.request:
            request.setdefault("retryStrategy", _retry_of(job, target.retry))
        request.setdefault("jobDefinition", target.definition)
    return request


def _retry_of(job: Job, strategy: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tool's retry strategy; AWS starts a job that is to leave its queue not more often there than it should."""
    rule = job.on_spot_loss
    if rule is None or job.request.get(QUEUE.field) == rule.job_queue:
        return strategy
    return {**strategy, "attempts": min(strategy["attempts"], rule.after)}


def request_problems(bag: Bag, place: S3Place) -> Iterator[Problem]:
    """Jobs whose request is longer than AWS Batch or ECS takes."""
    names = Target("x" * MAX_NAME, "x" * MAX_NAME)
    for job in bag.jobs:
        request = submit_request(job, bag, place, names, "x" * TOKEN_LENGTH)
        if job.launcher or has_too_many_inputs(request):  # then what is too long stands in a manifest
            continue
        overrides = overrides_size(request)
        size = len(_compact(request, ascii_only=True))
        if overrides > MAX_OVERRIDES:
            yield Problem(
                job.where,
                f"command and environment: {overrides} characters as JSON, and ECS takes {MAX_OVERRIDES} at most; "
                "send long texts as input files",
            )
        elif size > MAX_REQUEST_BYTES:
            yield Problem(job.where, f"the request has {size} bytes, and AWS Batch takes {MAX_REQUEST_BYTES} at most")


def has_too_many_inputs(request: Mapping[str, Any]) -> bool:
    """Whether it is the list of its inputs by which a request has no room; they can stand in a manifest."""
    variables = request["containerOverrides"]["environment"]
    inputs = sum(len(json.dumps(one["value"])) for one in variables if one["name"] == INPUTS_VARIABLE)
    return overrides_size(request) - inputs <= MAX_OVERRIDES < overrides_size(request)


def overrides_size(request: Mapping[str, Any]) -> int:
    """Characters of what a SubmitJob request overrides of its job definition."""
    return len(_compact(request["containerOverrides"], ascii_only=False))


def _compact(content: Any, *, ascii_only: bool) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=ascii_only)
