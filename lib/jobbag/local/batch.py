"""AWS Batch of one region: its operations, by the last word of their path, and the jobs that come of SubmitJob."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from functools import partial

from .entities import Body, Entities, page
from .jobs import RUNNABLE, RUNNING, STATES, Job, now_ms
from .policy import check_request, one_of, refuse, required
from .pool import Pool

Operation = Callable[[Body], Body]


class Batch:
    """The entities and jobs of one region; the jobs run in the pool that all regions share."""

    def __init__(self, region: str, pool: Pool) -> None:
        self.entities = Entities(region)
        self._pool = pool
        self._jobs: dict[str, Job] = {}
        entities = self.entities
        self.operations: dict[str, Operation] = {
            "createcomputeenvironment": entities.create_compute_environment,
            "describecomputeenvironments": entities.describe_compute_environments,
            "updatecomputeenvironment": entities.update_compute_environment,
            "deletecomputeenvironment": entities.delete_compute_environment,
            "createjobqueue": entities.create_job_queue,
            "describejobqueues": entities.describe_job_queues,
            "updatejobqueue": entities.update_job_queue,
            "deletejobqueue": self._delete_job_queue,
            "registerjobdefinition": entities.register_job_definition,
            "describejobdefinitions": entities.describe_job_definitions,
            "deregisterjobdefinition": entities.deregister_job_definition,
            "getjobqueuesnapshot": self._snapshot,
            "submitjob": self._submit_job,
            "describejobs": self._describe_jobs,
            "listjobs": self._list_jobs,
            "canceljob": lambda body: self._stop_job(body, running_too=False),
            "terminatejob": lambda body: self._stop_job(body, running_too=True),
            "canceljobs": lambda body: self._stop_jobs(body, running_too=False),
            "terminatejobs": lambda body: self._stop_jobs(body, running_too=True),
        }

    def call(self, operation: str, body: Body) -> str:
        """The answer to a request, in JSON; refused with ClientException."""
        with self._pool.lock:
            if operation not in self.operations:
                refuse(f"the embedded AWS does not support {operation}")
            answer = self.operations[operation](body)
            if operation.startswith("update"):
                self._pool.look_again()
            return json.dumps(answer)

    def tags(self, method: str, arn: str, changes: Mapping[str, str]) -> str:
        """ListTagsForResource, TagResource and UntagResource: GET, POST and DELETE."""
        with self._pool.lock:
            job = self._jobs.get(arn.rpartition("/")[2])
            bearer = job.request if job else self.entities.tagged(arn) or refuse(f"{arn} does not exist")
            tags = bearer.get("tags") or {}
            if method == "GET":
                return json.dumps({"tags": tags})
            kept = {name: value for name, value in tags.items() if name not in changes}
            bearer["tags"] = {**kept, **changes} if method == "POST" else kept
            return "{}"

    def _delete_job_queue(self, body: Body) -> Body:
        queue = self.entities.queue(body.get("jobQueue", ""))
        answer = self.entities.delete_job_queue(body)
        for job in [job for job in self._jobs.values() if job.queue is queue]:
            self._pool.stop(job, "JobQueue deleted", running_too=True)
        return answer

    def _submit_job(self, body: Body) -> Body:
        check_request(body, len(json.dumps(body)))
        job = _build(body, self.entities)
        runners = job.children or [job]
        waiting = [_dependencies(each, self._jobs) for each in runners]
        self._jobs.update({each.job_id: each for each in (job, *job.children)})
        for each, dependencies in zip(runners, waiting, strict=True):
            self._pool.add(each, dependencies)
        return {"jobName": job.name, "jobId": job.job_id, "jobArn": job.arn}

    def _describe_jobs(self, body: Body) -> Body:
        required(body, "jobs")
        if len(body["jobs"]) > 100:
            refuse("Maximum number of jobs supported is  100")
        return {"jobs": [self._jobs[each].detail() for each in dict.fromkeys(body["jobs"]) if each in self._jobs]}

    def _list_jobs(self, body: Body) -> Body:
        given = [field for field in ("jobQueue", "arrayJobId", "multiNodeJobId") if body.get(field)]
        if len(given) != 1:
            refuse("exactly one of jobQueue, arrayJobId and multiNodeJobId must be provided")
        filters = body.get("filters") or []
        if len(filters) > 1:
            refuse("only one filter can be used")
        jobs, most = self._listed(body), 1000
        if filters and "arrayJobId" not in body:
            jobs, most = [job for job in reversed(jobs) if _passes(job, filters[0])], 100
        else:
            status = body.get("jobStatus", RUNNING)
            one_of("jobStatus", status, *STATES)
            jobs = [job for job in jobs if job.status == status]
        items, more = page([job.short() for job in jobs], body, most)
        return {"jobSummaryList": items, **more}

    def _listed(self, body: Body) -> list[Job]:
        if "arrayJobId" in body:
            array = self._jobs.get(body["arrayJobId"])
            return array.children if array else []
        if "jobQueue" not in body:
            return []
        queue = self.entities.queue(body["jobQueue"]) or refuse(f"JobQueue {body['jobQueue']} not found")
        return [job for job in self._jobs.values() if job.queue is queue and not job.parent]

    def _snapshot(self, body: Body) -> Body:
        required(body, "jobQueue")
        front = [job for job in self._listed(body) if job.status == RUNNABLE][:100]
        at = now_ms()
        jobs = [{"jobArn": job.arn, "earliestTimeAtPosition": at} for job in front]
        return {"frontOfQueue": {"jobs": jobs, "lastUpdatedAt": at}}

    def _stop_job(self, body: Body, running_too: bool) -> Body:
        required(body, "jobId", "reason")
        if job := self._jobs.get(body["jobId"]):
            self._pool.stop(job, body["reason"], running_too)
        return {}

    def _stop_jobs(self, body: Body, running_too: bool) -> Body:
        required(body, "jobs", "reason")
        if len(body["jobs"]) > 50:
            refuse("at most 50 jobs can be stopped in one request")
        for job_id in body["jobs"]:
            self._stop_job({"jobId": job_id, "reason": body["reason"]}, running_too)
        return {"successful": body["jobs"], "errors": []}


def _build(body: Body, entities: Entities) -> Job:
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


def _dependencies(job: Job, known: dict[str, Job]) -> list[Job]:
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


def _passes(job: Job, wanted: Body) -> bool:
    one_of(
        "filters.name",
        wanted.get("name"),
        "JOB_NAME",
        "JOB_DEFINITION",
        "BEFORE_CREATED_AT",
        "AFTER_CREATED_AT",
    )
    values: list[str] = wanted.get("values") or refuse("a filter must have values")
    if wanted["name"] == "BEFORE_CREATED_AT":
        return job.created_at < int(values[0])
    if wanted["name"] == "AFTER_CREATED_AT":
        return job.created_at > int(values[0])
    if wanted["name"] == "JOB_NAME":
        return any(_like(job.name, value) for value in values)
    definition = job.definition["jobDefinitionArn"]
    return any(_like(text, value) for value in values for text in (definition, job.definition["jobDefinitionName"]))


def _like(text: str, pattern: str) -> bool:
    text, pattern = text.lower(), pattern.lower()
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
