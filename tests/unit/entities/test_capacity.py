"""What jobs ask for, and whether a compute environment has it."""

from __future__ import annotations

from typing import Any

import pytest

from jobbag.bag.job import Job
from jobbag.entities.capacity import Needs, misfit, needs_of, unfit, vcpus_of

from ..builders import job


def needs(**amounts: str) -> list[dict[str, str]]:
    return [{"type": kind, "value": value} for kind, value in amounts.items()]


@pytest.mark.parametrize(
    ("bearer", "overrides", "asked"),
    [
        ({"container": {"resourceRequirements": needs(VCPU="0.25", MEMORY="512")}}, None, Needs(0.25, 512)),
        ({"containerProperties": {"vcpus": 2, "memory": 64}}, None, Needs(2, 64)),
        ({"containerProperties": {"vcpus": 2, "memory": 64}}, {"vcpus": 4}, Needs(4, 64)),
        ({"containerProperties": {"vcpus": 2}}, {"resourceRequirements": needs(VCPU="8", GPU="1")}, Needs(8, None, 1)),
        # The deprecated field of an override does not win over a resourceRequirement.
        ({"containerProperties": {"resourceRequirements": needs(VCPU="2")}}, {"vcpus": 4}, Needs(2)),
        ({"ecsProperties": {"taskProperties": [{"containers": [{"vcpus": 1}, {"vcpus": 2}]}]}}, None, Needs(3)),
        ({"containerProperties": {"resourceRequirements": needs(VCPU="much")}}, None, Needs()),
        ({"eksProperties": {"podProperties": {}}}, None, Needs()),
        ({}, None, Needs()),
    ],
)
def test_what_a_job_asks_for(bearer: dict[str, Any], overrides: dict[str, Any] | None, asked: Needs) -> None:
    assert needs_of(bearer, overrides) == asked


def test_in_words() -> None:
    assert str(Needs(0.5, 512)) == "0.5 vCPU, 512 MiB"
    assert str(Needs(2, None, 1)) == "2 vCPUs, 1 GPU"
    assert str(Needs()) == ""


@pytest.mark.parametrize(
    ("kind", "vcpus"),
    [
        ("c5.large", 2),
        ("c5.xlarge", 4),
        ("m6i.12xlarge", 48),
        ("u7i-12tb.224xlarge", 896),
        ("p6-b200.48xlarge", 192),
        ("t3.micro", None),
        ("m5.metal", None),
        ("c4.8xlarge", None),  # 36
        ("hpc6a.48xlarge", None),  # 96
        ("m5", None),
        ("optimal", None),
        ("", None),
    ],
)
def test_the_size_of_an_instance_follows_from_its_name_or_is_not_known(kind: str, vcpus: int | None) -> None:
    assert vcpus_of(kind) == vcpus


def environment(kind: str = "EC2", **resources: Any) -> dict[str, Any]:
    return {"computeEnvironmentName": "ce", "type": "MANAGED", "computeResources": {"type": kind, **resources}}


@pytest.mark.parametrize(
    ("asked", "has", "words"),
    [
        (Needs(8), environment(maxvCpus=4), ["ce", "4 vCPUs at most", "raise its maxvCpus"]),
        (Needs(4), environment(maxvCpus=4), None),
        (Needs(8), environment(maxvCpus=256, instanceTypes=["c5.large", "c5.xlarge"]), ["c5.xlarge", "4 vCPUs"]),
        (Needs(4), environment(maxvCpus=256, instanceTypes=["c5.large", "c5.xlarge"]), None),
        (Needs(400), environment(maxvCpus=512, instanceTypes=["c5.large", "m5"]), None),  # m5 may be any size
        (Needs(400), environment(maxvCpus=512, instanceTypes=["optimal"]), None),
        (Needs(400), {"computeEnvironmentName": "ce", "type": "UNMANAGED"}, None),
        (Needs(), environment(maxvCpus=1), None),
        (Needs(1, 2048), environment("FARGATE", maxvCpus=4), None),
        (Needs(1, 512), environment("FARGATE", maxvCpus=4), ["512 MiB with 1 vCPU", "2048 to 8192 by 1024 MiB"]),
        (Needs(1, 2049), environment("FARGATE_SPOT", maxvCpus=4), ["2049 MiB"]),
        (Needs(0.25, 768), environment("FARGATE", maxvCpus=4), ["512, 1024 or 2048 MiB"]),
        (Needs(32, 249856), environment("FARGATE", maxvCpus=64), None),
        (Needs(3, 8192), environment("FARGATE", maxvCpus=4), ["no 3 vCPUs", "0.25, 0.5, 1, 2, 4, 8, 16 or 32"]),
        (Needs(1, 2048, 1), environment("FARGATE", maxvCpus=4), ["no GPUs"]),
        (Needs(8, 16384), environment("FARGATE", maxvCpus=4), ["4 vCPUs at most"]),
    ],
)
def test_what_a_compute_environment_can_never_give(asked: Needs, has: dict[str, Any], words: list[str] | None) -> None:
    found = misfit(asked, has)
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert all(word in f"{found.why}; {found.remedy}" for word in words), found


def test_jobs_that_fargate_can_never_run_are_told_with_what_it_has() -> None:
    def asking(number: int, memory: str, **request: Any) -> Job:
        needs = [{"type": "MEMORY", "value": memory}]
        request["containerOverrides"] = {"resourceRequirements": needs}
        return job(number, f"job-{number}", request=request)

    container = {"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]}
    definitions: dict[str | None, dict[str, Any]] = {
        None: {"platformCapabilities": ["FARGATE"], "containerProperties": container},
        "ec2": {"platformCapabilities": ["EC2"], "containerProperties": container},
        "old": {"containerProperties": container},
    }
    jobs = [
        asking(1, "2048"),
        asking(2, "100"),
        asking(3, "100", jobDefinition="ec2"),
        asking(4, "100", jobDefinition="old"),
    ]
    found = [str(problem) for problem in unfit(jobs, definitions.__getitem__)]
    assert found == [
        'bag.in: job "job-2": Fargate has no 100 MiB with 1 vCPU: ask for 2048 to 8192 by 1024 MiB',
    ]
