"""Compute environments, job queues and job definitions of one region, kept as they were sent.

moto's own Batch is not used: it drops fields and empty environment values, lets everything be deleted in any
order, and loads EC2, ECS and IAM on the first call, which takes longer than all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moto.utilities.utils import get_partition

from .policy import check_compute_environment, check_definition, legal_name, one_of, refuse, required

ACCOUNT = "123456789012"
Body = dict[str, Any]


def page(items: Sequence[Body], body: Body, most: int) -> tuple[Sequence[Body], Body]:
    """The page of the items that the request asks for, and the answer's `nextToken` if there is more."""
    start = int(body.get("nextToken") or 0)
    end = start + min(body.get("maxResults") or most, most)
    return items[start:end], {"nextToken": str(end)} if end < len(items) else {}


class Entities:
    """The Batch entities of one region."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._environments: dict[str, Body] = {}
        self._queues: dict[str, Body] = {}
        self._definitions: dict[str, list[Body]] = {}

    def arn(self, kind: str, name: str) -> str:
        """The ARN of the named entity of this region."""
        return f"arn:{get_partition(self.region)}:batch:{self.region}:{ACCOUNT}:{kind}/{name}"

    def _name(self, kind: str, reference: str) -> str:
        return reference.removeprefix(self.arn(kind, ""))

    # Compute environments

    def environment(self, reference: str) -> Body | None:
        """The compute environment of that name or ARN."""
        return self._environments.get(self._name("compute-environment", reference))

    def create_compute_environment(self, body: Body) -> Body:
        """CreateComputeEnvironment."""
        required(body, "computeEnvironmentName", "type")
        name = body["computeEnvironmentName"]
        legal_name("computeEnvironmentName", name)
        check_compute_environment(body)
        if name in self._environments:
            refuse("Object already exists")
        made = {
            "state": "ENABLED",
            "containerOrchestrationType": "ECS",
            **body,
            "computeEnvironmentArn": self.arn("compute-environment", name),
            "ecsClusterArn": self.arn("cluster", name).replace(":batch:", ":ecs:"),
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
        }
        self._environments[name] = made
        return {key: made[key] for key in ("computeEnvironmentName", "computeEnvironmentArn")}

    def describe_compute_environments(self, body: Body) -> Body:
        """DescribeComputeEnvironments."""
        found = _chosen(self._environments, "compute-environment", body, "computeEnvironments", self)
        items, more = page(found, body, 100)
        return {"computeEnvironments": items, **more}

    def update_compute_environment(self, body: Body) -> Body:
        """UpdateComputeEnvironment."""
        known = self._known_environment(body)
        one_of("state", body.get("state", "ENABLED"), "ENABLED", "DISABLED")
        resources = {**known.get("computeResources", {}), **body.get("computeResources", {})}
        changes = {key: value for key, value in body.items() if key != "computeEnvironment"}
        known.update(changes, **({"computeResources": resources} if resources else {}))
        return {key: known[key] for key in ("computeEnvironmentName", "computeEnvironmentArn")}

    def delete_compute_environment(self, body: Body) -> Body:
        """DeleteComputeEnvironment: only a disabled one that no queue uses."""
        known = self._known_environment(body)
        if known["state"] != "DISABLED":
            refuse("Cannot delete, state must be DISABLED")
        arn = known["computeEnvironmentArn"]
        orders = (queue["computeEnvironmentOrder"] for queue in self._queues.values())
        if any(item["computeEnvironment"] == arn for order in orders for item in order):
            refuse("Cannot delete, found existing JobQueue relationship")
        del self._environments[known["computeEnvironmentName"]]
        return {}

    def _known_environment(self, body: Body) -> Body:
        required(body, "computeEnvironment")
        reference = body["computeEnvironment"]
        return self.environment(reference) or refuse(f"ComputeEnvironment {reference} does not exist")

    def places_jobs(self, queue: Body) -> bool:
        """Whether a compute environment of the queue is ENABLED: others place no more jobs."""
        environments = (self.environment(item["computeEnvironment"]) for item in queue["computeEnvironmentOrder"])
        return any(environment and environment["state"] == "ENABLED" for environment in environments)

    # Job queues

    def queue(self, reference: str) -> Body | None:
        """The job queue of that name or ARN."""
        return self._queues.get(self._name("job-queue", reference))

    def create_job_queue(self, body: Body) -> Body:
        """CreateJobQueue."""
        required(body, "jobQueueName", "priority")
        name = body["jobQueueName"]
        legal_name("jobQueueName", name)
        one_of("state", body.get("state", "ENABLED"), "ENABLED", "DISABLED")
        order = self._order(body.get("computeEnvironmentOrder") or [])
        if name in self._queues:
            refuse("Object already exists")
        made = {
            "state": "ENABLED",
            **body,
            "computeEnvironmentOrder": order,
            "jobQueueArn": self.arn("job-queue", name),
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
        }
        self._queues[name] = made
        return {key: made[key] for key in ("jobQueueName", "jobQueueArn")}

    def describe_job_queues(self, body: Body) -> Body:
        """DescribeJobQueues."""
        found = _chosen(self._queues, "job-queue", body, "jobQueues", self)
        items, more = page(found, body, 100)
        return {"jobQueues": items, **more}

    def update_job_queue(self, body: Body) -> Body:
        """UpdateJobQueue."""
        known = self._known_queue(body)
        one_of("state", body.get("state", "ENABLED"), "ENABLED", "DISABLED")
        changes = {key: value for key, value in body.items() if key != "jobQueue"}
        if "computeEnvironmentOrder" in body:
            changes["computeEnvironmentOrder"] = self._order(body["computeEnvironmentOrder"])
        known.update(changes)
        return {key: known[key] for key in ("jobQueueName", "jobQueueArn")}

    def delete_job_queue(self, body: Body) -> Body:
        """DeleteJobQueue: only a disabled one."""
        known = self._known_queue(body)
        if known["state"] != "DISABLED":
            refuse("Cannot delete, state must be DISABLED")
        del self._queues[known["jobQueueName"]]
        return {}

    def _known_queue(self, body: Body) -> Body:
        required(body, "jobQueue")
        return self.queue(body["jobQueue"]) or refuse(f"JobQueue {body['jobQueue']} does not exist")

    def _order(self, wanted: list[Body]) -> list[Body]:
        if not 1 <= len(wanted) <= 3:
            refuse("computeEnvironmentOrder must name 1 to 3 compute environments")
        return [
            {
                "order": item["order"],
                "computeEnvironment": self._known_environment(item)["computeEnvironmentArn"],
            }
            for item in wanted
        ]

    # Job definitions

    def definition(self, reference: str) -> Body | None:
        """The job definition of a name or ARN: the revision that it has, else the latest active one."""
        name, _, revision = self._name("job-definition", reference).partition(":")
        revisions = self._definitions.get(name, [])
        if not revision:
            return next((each for each in reversed(revisions) if each["status"] == "ACTIVE"), None)
        return next((each for each in revisions if str(each["revision"]) == revision), None)

    def register_job_definition(self, body: Body) -> Body:
        """RegisterJobDefinition: each call makes a new revision."""
        required(body, "jobDefinitionName", "type")
        name = body["jobDefinitionName"]
        legal_name("jobDefinitionName", name)
        check_definition(body)
        revisions = self._definitions.setdefault(name, [])
        revision = len(revisions) + 1
        arn = self.arn("job-definition", f"{name}:{revision}")
        made = {
            "jobDefinitionArn": arn,
            "revision": revision,
            "status": "ACTIVE",
            "containerOrchestrationType": "ECS",
        }
        revisions.append({**body, **made})
        return {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision}

    def describe_job_definitions(self, body: Body) -> Body:
        """DescribeJobDefinitions."""
        references, name, status = (body.get(key) for key in ("jobDefinitions", "jobDefinitionName", "status"))
        if references:
            found = [each for each in map(self.definition, references) if each]
        elif name:
            found = list(self._definitions.get(self._name("job-definition", name), []))
        else:
            found = [each for revisions in self._definitions.values() for each in revisions]
        items, more = page([each for each in found if status in (None, each["status"])], body, 100)
        return {"jobDefinitions": items, **more}

    def deregister_job_definition(self, body: Body) -> Body:
        """DeregisterJobDefinition: one revision."""
        required(body, "jobDefinition")
        reference = body["jobDefinition"]
        if ":" not in self._name("job-definition", reference):
            refuse(f"JobDefinition {reference} must have a revision")
        known = self.definition(reference) or refuse(f"JobDefinition {reference} does not exist")
        known["status"] = "INACTIVE"
        return {}

    def tagged(self, arn: str) -> Body | None:
        """What bears the tags of that ARN."""
        return self.environment(arn) or self.queue(arn) or self.definition(arn)


def _chosen(known: dict[str, Body], kind: str, body: Body, field: str, entities: Entities) -> list[Body]:
    wanted = body.get(field)
    if not wanted:
        return list(known.values())
    if body.get("maxResults"):
        refuse(f"{field} and MaxResults cannot both be set")
    prefix = entities.arn(kind, "")
    names = (reference.removeprefix(prefix) for reference in wanted)
    return [known[name] for name in dict.fromkeys(names) if name in known]
