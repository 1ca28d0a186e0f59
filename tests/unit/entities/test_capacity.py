"""What jobs ask for, and whether a compute environment has it."""

from __future__ import annotations

from typing import Any

import pytest

from jobbag.entities.capacity import Needs, misfit, needs_of, needs_of_job, vcpus_of

from ..builders import job


def needs(**amounts: str) -> list[dict[str, str]]:
    return [{"type": kind, "value": value} for kind, value in amounts.items()]


def pod(cpu: str) -> dict[str, str]:
    return {"cpu": cpu, "memory": "1024Mi"}


def nodes(number: int, vcpus: dict[str, int]) -> dict[str, Any]:
    """A definition of a multi-node job, with the vCPUs of each node by range."""
    ranges = [{"targetNodes": target, "container": {"vcpus": many}} for target, many in vcpus.items()]
    return {"nodeProperties": {"numNodes": number, "mainNode": 0, "nodeRangeProperties": ranges}}


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
        (
            {"eksProperties": {"podProperties": {"containers": [{"resources": {"limits": pod(cpu="0.5")}}]}}},
            None,
            Needs(0.5, 1024),
        ),
        # An override is for the main container, or for that of each node.
        (
            {"ecsProperties": {"taskProperties": [{"containers": [{"essential": False, "vcpus": 1}, {"vcpus": 2}]}]}},
            {"resourceRequirements": needs(VCPU="8")},
            Needs(9),
        ),
        (nodes(3, {"0:0": 1, "1:": 4}), None, Needs(9, nodes=3)),
        (nodes(4, {"0:": 1, "2:3": 4}), None, Needs(10, nodes=4)),  # the narrower range counts
        (nodes(2, {":1": 1}), {"resourceRequirements": needs(VCPU="8")}, Needs(16, nodes=2)),
        ({}, None, Needs()),
    ],
)
def test_what_a_job_asks_for(bearer: dict[str, Any], overrides: dict[str, Any] | None, asked: Needs) -> None:
    assert needs_of(bearer, overrides) == asked


def test_nothing_is_said_of_a_job_that_overrides_several_containers() -> None:
    definition = {"ecsProperties": {"taskProperties": [{"containers": [{"vcpus": 2}]}]}}
    assert needs_of_job(job(), definition) == Needs(2)
    assert needs_of_job(job(request={"ecsPropertiesOverride": {}}), definition) == Needs()


def test_in_words() -> None:
    assert str(Needs(8, None, None, 4)) == "8 vCPUs, 4 nodes"
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
        (Needs(8, nodes=4), environment(maxvCpus=256, instanceTypes=["c5.large"]), None),  # each has its own machine
        (Needs(8, nodes=4), environment(maxvCpus=4), ["4 vCPUs at most"]),
        (Needs(1, None, 1), environment(maxvCpus=8, instanceTypes=["c5.large", "optimal"]), ["c5.large", "GPUs"]),
        (Needs(1, None, 1), environment(maxvCpus=8, instanceTypes=["c5.large", "g5.xlarge"]), None),
        (Needs(1, None, 1), environment(maxvCpus=8), None),
    ],
)
def test_what_a_compute_environment_can_never_give(asked: Needs, has: dict[str, Any], words: list[str] | None) -> None:
    found = misfit(asked, has)
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert all(word in f"{found.why}; {found.remedy}" for word in words), found
