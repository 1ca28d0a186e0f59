"""SubmitJob: what AWS checks at once, and the jobs that come of it."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from .entities import Entities
from .jobs import Job
from .policy import NAME, check_environment, check_retry, check_timeout, refuse, required

MAX_REQUEST = 30 * 1024
UNSUPPORTED = ("nodeOverrides", "eksPropertiesOverride", "ecsPropertiesOverride")


def check(body: dict[str, Any], size: int) -> None:
    """Refuse what can be seen to be wrong from the request alone."""
    required(body, "jobName", "jobQueue", "jobDefinition")
    if size > MAX_REQUEST:
        refuse(f"Job size must be less than 30 KiB, got {-(-size // 1024)} KiB")
    if not NAME.fullmatch(body["jobName"]):
        refuse("Job name should match valid pattern")
    for field in UNSUPPORTED:
        if field in body:
            refuse(f"the embedded AWS does not support {field}")
    overrides = body.get("containerOverrides") or {}
    if "" in overrides.get("command", []):
        refuse("Container overrides command must not contain empty strings")
    check_environment(overrides.get("environment", []))
    check_retry(body.get("retryStrategy") or {})
    check_timeout(body.get("timeout") or {})
    size_of_array = (body.get("arrayProperties") or {}).get("size")
    if size_of_array is not None and not 2 <= size_of_array <= 10_000:
        refuse("arrayProperties.size must be between 2 and 10000")
    if len(body.get("dependsOn") or []) > 20:
        refuse("a job may depend on 20 jobs at most")
    if len(body.get("tags") or {}) > 50:
        refuse("a job may have 50 tags at most")


def build(body: dict[str, Any], entities: Entities) -> Job:
    """The job that the request asks for, with its children if it is an array."""
    queue = entities.queue(body["jobQueue"]) or refuse(f"JobQueue {body['jobQueue']} not found")
    if queue["state"] != "ENABLED":
        refuse(f"JobQueue {queue['jobQueueName']} is not ENABLED")
    definition = entities.definition(body["jobDefinition"])
    if not definition or definition["status"] != "ACTIVE":
        refuse(f"JobDefinition name {body['jobDefinition']} does not exist or is not in ACTIVE status")
    parameters = {**definition.get("parameters", {}), **body.get("parameters", {})}
    overrides = body.get("containerOverrides") or {}
    command = overrides.get("command") or definition["containerProperties"].get("command") or []
    words = [_substituted(word, parameters) for word in command]

    def make(job_id: str, parent: Job | None = None, index: int | None = None) -> Job:
        arn = entities.arn("job", job_id)
        may_start = partial(entities.places_jobs, queue)
        return Job(job_id, arn, entities.region, queue, definition, body, words, parent, index, may_start)

    job = make(str(uuid.uuid4()))
    size = (body.get("arrayProperties") or {}).get("size", 0)
    job.children = [make(f"{job.job_id}:{index}", job, index) for index in range(size)]
    job.summary.update(child.status for child in job.children)
    return job


def dependencies(job: Job, known: dict[str, Job]) -> list[Job]:
    """The jobs that this job, or child of an array, waits for."""
    found: list[Job] = []
    for item in job.request.get("dependsOn") or []:
        kind, job_id = item.get("type"), item.get("jobId")
        if kind == "SEQUENTIAL":
            if not job.parent or job_id:
                refuse("a SEQUENTIAL dependency is for an array job, without a jobId")
            found += [job.parent.children[job.index - 1]] if job.index else []
            continue
        other = known.get(job_id or "") or refuse(f"dependsOn: job {job_id} does not exist")
        if kind == "N_TO_N":
            if not job.parent or len(other.children) != len(job.parent.children):
                refuse("an N_TO_N dependency is between array jobs of the same size")
            other = other.children[job.index or 0]
        found.append(other)
    return found


def _substituted(word: str, parameters: dict[str, str]) -> str:
    if not word.startswith("Ref::"):
        return word
    name = word.removeprefix("Ref::")
    if name not in parameters:
        refuse(f"Unable to substitute value. No parameter found for reference {name}")
    return parameters[name]
