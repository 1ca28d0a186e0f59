"""Whether jobs can be sent to their queue with their job definition: what AWS Batch would refuse, or never start."""

from __future__ import annotations

from typing import Any

import pytest

from jobbag.preflight.suitability import Place, problems, without_logs

from ..builders import array, bag, job

EC2 = {"jobDefinitionName": "d", "containerProperties": {"image": "x", "vcpus": 1}}
FARGATE = {**EC2, "platformCapabilities": ["FARGATE"]}
POD = {"jobDefinitionName": "pod", "eksProperties": {"podProperties": {"containers": [{"image": "x"}]}}}
NODES = {
    "jobDefinitionName": "nodes",
    "nodeProperties": {
        "numNodes": 2,
        "mainNode": 0,
        "nodeRangeProperties": [{"targetNodes": "0:", "container": {"image": "x"}}],
    },
}
QUEUE = {"jobQueueName": "q"}
FAIR = {"jobQueueName": "fair", "schedulingPolicyArn": "arn:aws:batch:r:1:scheduling-policy/p"}
PRIORITY = {**EC2, "schedulingPriority": 5}


def on(kind: str, **more: Any) -> dict[str, Any]:
    return {"computeEnvironmentName": "ce", "computeResources": {"type": kind, **more}}


def found(
    definition: dict[str, Any], queue: dict[str, Any], *environments: dict[str, Any], **request: Any
) -> list[str]:
    jobs = [job(request=request)]
    return [one.what for one in problems(jobs, lambda _: Place(definition, queue, environments))]


@pytest.mark.parametrize(
    ("definition", "queue", "request_", "fields"),
    [
        (EC2, QUEUE, {}, []),
        (EC2, QUEUE, {"shareIdentifier": "A"}, ["shareIdentifier"]),
        (EC2, QUEUE, {"schedulingPriorityOverride": 1}, ["schedulingPriorityOverride"]),
        (EC2, FAIR, {}, ["shareIdentifier", "schedulingPriorityOverride"]),
        (PRIORITY, FAIR, {}, ["shareIdentifier"]),
        (PRIORITY, FAIR, {"shareIdentifier": "A"}, []),
        (EC2, FAIR, {"shareIdentifier": "A"}, ["schedulingPriorityOverride"]),
        (EC2, FAIR, {"shareIdentifier": "A", "schedulingPriorityOverride": 0}, []),
        ({}, FAIR, {"shareIdentifier": "A"}, []),  # the definition is not known
        (EC2, {}, {"shareIdentifier": "A"}, []),  # the queue is not
    ],
)
def test_the_share_that_a_queue_needs_or_refuses(
    definition: dict[str, Any], queue: dict[str, Any], request_: dict[str, Any], fields: list[str]
) -> None:
    told = found(definition, queue, **request_)
    assert [what.partition(":")[0] for what in told] == fields
    assert all(str(queue["jobQueueName"]) in what for what in told)


def test_the_embedded_aws_has_no_shares() -> None:
    place = Place(EC2, QUEUE)
    assert problems([job(request={"shareIdentifier": "A"})], lambda _: place, shares=False) == []


@pytest.mark.parametrize(
    ("definition", "queue", "environments", "words"),
    [
        (EC2, {**QUEUE, "jobQueueType": "ECS"}, [], None),
        (EC2, {**QUEUE, "jobQueueType": "ECS_FARGATE"}, [], ["for EC2", "for FARGATE", '["FARGATE"]']),
        (FARGATE, {**QUEUE, "jobQueueType": "ECS"}, [], ["for FARGATE", "for EC2", '["EC2"]']),
        (POD, {**QUEUE, "jobQueueType": "ECS"}, [], ["pod is for EKS", "without eksProperties"]),
        (EC2, {**QUEUE, "jobQueueType": "EKS"}, [], ["for EC2", "with eksProperties"]),
        (POD, {**QUEUE, "jobQueueType": "EKS"}, [], None),
        (EC2, {**QUEUE, "jobQueueType": "SAGEMAKER_TRAINING"}, [], ["jobQueue: q is for service jobs"]),
        (EC2, QUEUE, [on("FARGATE_SPOT")], ["for EC2", "for FARGATE"]),
        (EC2, QUEUE, [on("SPOT")], None),
        (POD, QUEUE, [{**on("EC2"), "eksConfiguration": {"eksClusterArn": "a"}}], None),
        (EC2, QUEUE, [{"type": "UNMANAGED"}], None),
        (FARGATE, QUEUE, [{"type": "UNMANAGED"}], None),  # its instances are the user's own
        (NODES, QUEUE, [on("SPOT")], ["no multi-node jobs on spot"]),
        (NODES, QUEUE, [on("SPOT"), on("EC2")], None),
        ({}, {**QUEUE, "jobQueueType": "ECS"}, [on("EC2")], None),
        (EC2, {}, [], None),
    ],
)
def test_what_a_queue_can_run(
    definition: dict[str, Any], queue: dict[str, Any], environments: list[dict[str, Any]], words: list[str] | None
) -> None:
    told = found(definition, queue, *environments)
    assert len(told) == (words is not None), told
    assert all(word in told[0] for word in words or ()), told


def test_a_job_that_is_larger_than_any_compute_environment() -> None:
    large = {"resourceRequirements": [{"type": "VCPU", "value": "8"}]}
    small, large_one = on("EC2", maxvCpus=4), on("EC2", maxvCpus=8)
    (what,) = found(EC2, QUEUE, small, containerOverrides=large)
    assert what == (
        "resourceRequirements: the job asks for 8 vCPUs, and ce has 4 vCPUs at most (maxvCpus): "
        "raise its maxvCpus, or ask for less"
    )
    assert found(EC2, QUEUE, small, large_one, containerOverrides=large) == []
    assert len(found(EC2, QUEUE, small, {**large_one, "state": "DISABLED"}, containerOverrides=large)) == 1
    assert found(EC2, QUEUE, {**small, "status": "INVALID"}, containerOverrides=large) == []  # that is told elsewhere


def test_what_fargate_does_not_have_is_known_from_the_definition_alone() -> None:
    def of(memory: str, definition: dict[str, Any]) -> list[str]:
        needs = [{"type": "MEMORY", "value": memory}, {"type": "VCPU", "value": "1"}]
        return found(definition, {}, containerOverrides={"resourceRequirements": needs})

    assert of("2048", FARGATE) == of("100", EC2) == of("100", {**FARGATE, "platformCapabilities": ["EC2"]}) == []
    assert of("100", FARGATE) == ["Fargate has no 100 MiB with 1 vCPU: ask for 2048 to 8192 by 1024 MiB"]


def test_an_array_is_told_of_once() -> None:
    (problem,) = problems(array(1, "sweep", 3), lambda _: Place(NODES, QUEUE))
    assert str(problem) == 'bag.in: job "sweep": arrayProperties: AWS Batch has no arrays of multi-node jobs'


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        (EC2, None),
        (NODES, None),
        ({}, None),
        (POD, "pods on EKS"),
        ({"containerProperties": {"logConfiguration": {"logDriver": "splunk"}}}, "logDriver splunk"),
        ({"containerProperties": {"logConfiguration": {"logDriver": "awslogs"}}}, None),
    ],
)
def test_output_that_will_not_come_home_is_told_of_before(definition: dict[str, Any], why: str | None) -> None:
    told = list(without_logs(bag(job(1, "one"), job(2, "two")).jobs, lambda _: definition))
    assert len(told) == (why is not None)
    assert all("the output of job one and 1 more will not come home" in one and str(why) in one for one in told)
