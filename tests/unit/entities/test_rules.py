"""Requests as public guides and examples have them, in small: no right one is refused, each wrong one is named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from jobbag.entities.kinds import KINDS, Kind
from jobbag.entities.plan import plan_of
from jobbag.options.parser import load

DEF, ENV, QUE = "job_definition", "compute_environment", "job_queue"
ROLE = "arn:aws:iam::123456789012:role/jobs"
PROFILE = "arn:aws:iam::123456789012:instance-profile/ecs"


def needs(vcpus: str = "1", memory: str = "2048", **more: str) -> list[dict[str, str]]:
    return [{"type": kind, "value": value} for kind, value in {"VCPU": vcpus, "MEMORY": memory, **more}.items()]


def container(**more: Any) -> dict[str, Any]:
    return {"image": "busybox", "resourceRequirements": needs(), **more}


def on_ec2(**more: Any) -> dict[str, Any]:
    return {"type": "container", "containerProperties": container(**more)}


def on_fargate(**more: Any) -> dict[str, Any]:
    return {
        "type": "container",
        "platformCapabilities": ["FARGATE"],
        "containerProperties": container(executionRoleArn=ROLE, **more),
    }


def of_containers(*containers: dict[str, Any], platform: str = "EC2", **task: Any) -> dict[str, Any]:
    task = {"containers": list(containers), **task}
    return {"type": "container", "platformCapabilities": [platform], "ecsProperties": {"taskProperties": [task]}}


def of_pod(**pod: Any) -> dict[str, Any]:
    limits = {"limits": {"cpu": "1", "memory": "1024Mi"}}
    return {
        "type": "container",
        "eksProperties": {"podProperties": {"containers": [{"image": "x", "resources": limits}], **pod}},
    }


def of_nodes(number: int = 4, main: int = 0, **ranges: dict[str, Any]) -> dict[str, Any]:
    found = [{"targetNodes": nodes.replace("to", ":").strip("n"), **one} for nodes, one in ranges.items()]
    return {
        "type": "multinode",
        "nodeProperties": {"numNodes": number, "mainNode": main, "nodeRangeProperties": found},
    }


ONE_IMAGE = {"container": container()}


def instances(kind: str = "EC2", **more: Any) -> dict[str, Any]:
    resources = {
        "type": kind, "minvCpus": 0, "maxvCpus": 256, "instanceTypes": ["optimal"], "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"], "instanceRole": PROFILE,
    }  # fmt: skip
    return {"type": "MANAGED", "computeResources": {**resources, **more}}


def fargate(kind: str = "FARGATE", **more: Any) -> dict[str, Any]:
    resources = {"type": kind, "maxvCpus": 128, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    return {"type": "MANAGED", "computeResources": {**resources, **more}}


def without(request: dict[str, Any], *path: str) -> dict[str, Any]:
    request = copy.deepcopy(request)
    part = request
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return request


def queue(*environments: str, **more: Any) -> dict[str, Any]:
    order = [{"order": number, "computeEnvironment": one} for number, one in enumerate(environments, 1)]
    return {"priority": 1, "state": "ENABLED", "computeEnvironmentOrder": order, **more}


def efs(**more: Any) -> dict[str, Any]:
    volume = {"name": "files", "efsVolumeConfiguration": {"fileSystemId": "fs-1", **more}}
    return {"volumes": [volume], "mountPoints": [{"sourceVolume": "files", "containerPath": "/files"}]}


RETRY = {
    "attempts": 5,
    "evaluateOnExit": [{"action": "RETRY", "onStatusReason": "Host EC2*"}, {"action": "EXIT", "onReason": "*"}],
}

RIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    # job definitions
    "sleep": (DEF, on_ec2(command=["sleep", "60"])),
    "deprecated amounts": (
        DEF,
        {"type": "container", "containerProperties": {"image": "x", "vcpus": 1, "memory": 128}},
    ),
    "a gpu": (DEF, on_ec2(resourceRequirements=needs("4", "8192", GPU="1"), command=["nvidia-smi"])),
    "parameters": (DEF, {**on_ec2(command=["ffmpeg", "-i", "Ref::input"]), "parameters": {"input": "a.mp4"}}),
    "environment": (DEF, on_ec2(environment=[{"name": "A", "value": "b"}], user="nobody")),
    "role and log": (DEF, on_ec2(jobRoleArn=ROLE, logConfiguration={"logDriver": "json-file"})),
    "host directory": (
        DEF,
        on_ec2(
            volumes=[{"name": "host", "host": {"sourcePath": "/scratch"}}],
            mountPoints=[{"sourceVolume": "host", "containerPath": "/scratch", "readOnly": False}],
        ),
    ),
    "privileged": (DEF, on_ec2(privileged=True, readonlyRootFilesystem=False)),
    "ulimits": (DEF, on_ec2(ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}])),
    "shared memory": (DEF, on_ec2(linuxParameters={"sharedMemorySize": 64, "initProcessEnabled": True})),
    "tmpfs": (DEF, on_ec2(linuxParameters={"tmpfs": [{"containerPath": "/t", "size": 64}]})),
    "retries and timeout": (DEF, {**on_ec2(), "retryStrategy": RETRY, "timeout": {"attemptDurationSeconds": 3600}}),
    "tags": (DEF, {**on_ec2(), "tags": {"Department": "x"}, "propagateTags": True}),
    "priority": (DEF, {**on_ec2(), "schedulingPriority": 10}),
    "secrets": (DEF, on_ec2(secrets=[{"name": "P", "valueFrom": "arn:aws:ssm:x"}], executionRoleArn=ROLE)),
    "efs": (DEF, on_ec2(**efs(rootDirectory="/data"))),
    "efs with iam": (
        DEF,
        on_ec2(**efs(transitEncryption="ENABLED", authorizationConfig={"iam": "ENABLED", "accessPointId": "fsap-1"})),
    ),
    "efs without iam": (DEF, on_ec2(**efs(authorizationConfig={"iam": "DISABLED"}))),
    "fargate": (DEF, on_fargate(command=["echo", "hello"])),
    "fargate, a quarter": (DEF, on_fargate(resourceRequirements=needs("0.25", "512"))),
    "fargate, the largest": (DEF, on_fargate(resourceRequirements=needs("16", "122880"))),
    "fargate, public address": (DEF, on_fargate(networkConfiguration={"assignPublicIp": "ENABLED"})),
    "fargate, platform": (DEF, on_fargate(fargatePlatformConfiguration={"platformVersion": "LATEST"})),
    "fargate, storage": (DEF, on_fargate(ephemeralStorage={"sizeInGiB": 100})),
    "fargate, arm": (
        DEF,
        on_fargate(runtimePlatform={"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}),
    ),
    "fargate, awslogs": (
        DEF,
        on_fargate(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "jobs"}}),
    ),
    "fargate, efs": (DEF, on_fargate(**efs())),
    "fargate, secrets": (DEF, on_fargate(secrets=[{"name": "P", "valueFrom": "arn:aws:ssm:x"}])),
    "several containers": (
        DEF,
        of_containers(
            container(name="main", dependsOn=[{"containerName": "side", "condition": "START"}]),
            container(name="side", essential=False),
        ),
    ),
    "several containers on fargate": (
        DEF,
        of_containers(
            container(name="a", resourceRequirements=needs("0.5", "1024")),
            container(name="b", resourceRequirements=needs("0.5", "1024")),
            platform="FARGATE",
            executionRoleArn=ROLE,
            networkConfiguration={"assignPublicIp": "ENABLED"},
        ),
    ),
    "containers with a volume": (
        DEF,
        of_containers(
            container(name="a", mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}]), volumes=[{"name": "v"}]
        ),
    ),
    "managed instances": (DEF, of_containers(container(name="a"), platform="MANAGED_INSTANCES", executionRoleArn=ROLE)),
    "a pod": (DEF, of_pod(hostNetwork=True)),
    "a pod with a volume": (DEF, of_pod(volumes=[{"name": "tmp", "emptyDir": {"medium": "Memory"}}])),
    "nodes": (DEF, of_nodes(n0to=ONE_IMAGE)),
    "nodes of two kinds": (DEF, of_nodes(n0to0=ONE_IMAGE, n1to3=ONE_IMAGE)),
    "nodes of several containers": (
        DEF,
        of_nodes(2, n0to1={"ecsProperties": {"taskProperties": [{"containers": [container(name="a")]}]}}),
    ),
    "the older form with a wrapper": (
        DEF,
        {"RegisterJobDefinition": [{"input": {"jobDefinitionName": "d", **on_ec2()}}]},
    ),
    # compute environments
    "on demand": (ENV, instances()),
    "on demand, a service role": (ENV, {**instances(), "serviceRole": ROLE}),
    "best fit progressive": (
        ENV,
        instances(allocationStrategy="BEST_FIT_PROGRESSIVE", instanceTypes=["c5.large", "m5.xlarge"], desiredvCpus=4),
    ),
    "image and key": (ENV, instances(imageId="ami-1", ec2KeyPair="me", tags={"Name": "batch"})),
    "launch template": (ENV, instances(launchTemplate={"launchTemplateName": "large-disk", "version": "$Latest"})),
    "spot, best fit": (ENV, instances("SPOT", bidPercentage=20, spotIamFleetRole=ROLE)),
    "spot, capacity": (ENV, instances("SPOT", allocationStrategy="SPOT_CAPACITY_OPTIMIZED")),
    "gpu instances": (ENV, instances(instanceTypes=["p3.2xlarge"], ec2Configuration=[{"imageType": "ECS_AL2_NVIDIA"}])),
    "placement group": (ENV, instances(placementGroup="cluster", minvCpus=8, desiredvCpus=8)),
    "fargate environment": (ENV, fargate()),
    "fargate spot": (ENV, fargate("FARGATE_SPOT")),
    "unmanaged": (ENV, {"type": "UNMANAGED", "serviceRole": ROLE, "unmanagedvCpus": 8}),
    "enabled": (
        ENV,
        {**instances(allocationStrategy="BEST_FIT_PROGRESSIVE"), "state": "ENABLED"},
    ),
    "on eks": (
        ENV,
        {**instances(), "eksConfiguration": {"eksClusterArn": "arn:aws:eks:x", "kubernetesNamespace": "jobs"}},
    ),
    # job queues
    "one environment": (QUE, queue("ce")),
    "three environments": (QUE, queue("a", "b", "c", priority=10)),
    "by ARN": (QUE, queue("arn:aws:batch:us-east-1:123456789012:compute-environment/ce")),
    "fair share": (
        QUE,
        queue("ce", schedulingPolicyArn="arn:aws:batch:us-east-1:123456789012:scheduling-policy/fair"),
    ),
    "limits": (
        QUE,
        queue(
            "ce",
            jobStateTimeLimitActions=[
                {
                    "reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
                    "state": "RUNNABLE",
                    "maxTimeSeconds": 600,
                    "action": "CANCEL",
                }
            ],
        ),
    ),
    "tagged": (QUE, queue("ce", tags={"team": "x"}, state="DISABLED")),
}

MOUNT = [{"sourceVolume": "no", "containerPath": "/x"}]
WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "no amounts": (DEF, {"type": "container", "containerProperties": {"image": "x"}}, "VCPU is missing"),
    "no memory": (DEF, on_ec2(resourceRequirements=needs()[:1]), "resourceRequirements: MEMORY is missing"),
    "no vCPUs": (DEF, on_ec2(resourceRequirements=needs()[1:]), "resourceRequirements: VCPU is missing"),
    "half a vCPU": (DEF, on_ec2(resourceRequirements=needs("0.5")), "'0.5': instances have whole vCPUs"),
    "amounts twice": (DEF, on_ec2(vcpus=1), "containerProperties.vcpus: is given beside VCPU"),
    "no image": (DEF, without(on_ec2(), "containerProperties", "image"), "containerProperties.image: is missing"),
    "no volume": (DEF, on_ec2(mountPoints=MOUNT), "mountPoints[0].sourceVolume: there is no volume 'no'"),
    "no volume of a task": (
        DEF,
        of_containers(container(name="a", mountPoints=MOUNT)),
        "containers[0].mountPoints[0].sourceVolume",
    ),
    "network on EC2": (
        DEF,
        on_ec2(networkConfiguration={"assignPublicIp": "ENABLED"}),
        "networkConfiguration: is for Fargate",
    ),
    "storage on EC2": (DEF, on_ec2(ephemeralStorage={"sizeInGiB": 50}), "ephemeralStorage: is for Fargate only"),
    "iam without encryption": (
        DEF,
        on_ec2(**efs(authorizationConfig={"iam": "ENABLED"})),
        "transitEncryption: must be ENABLED with",
    ),
    "access point without encryption": (
        DEF,
        on_ec2(**efs(authorizationConfig={"accessPointId": "fsap-1"})),
        "authorizationConfig.accessPointId",
    ),
    "access point and directory": (
        DEF,
        on_ec2(**efs(rootDirectory="/x", transitEncryption="ENABLED", authorizationConfig={"accessPointId": "fsap-1"})),
        "rootDirectory: must be left out",
    ),
    "fargate, no role": (
        DEF,
        without(on_fargate(), "containerProperties", "executionRoleArn"),
        "executionRoleArn: is missing",
    ),
    "fargate, privileged": (DEF, on_fargate(privileged=True), "privileged: Fargate has no privileged"),
    "fargate, ulimits": (
        DEF,
        on_fargate(ulimits=[{"name": "n", "softLimit": 1, "hardLimit": 2}]),
        "ulimits: Fargate takes no",
    ),
    "fargate, gpu": (DEF, on_fargate(resourceRequirements=needs(GPU="1")), "Fargate has no GPUs"),
    "fargate, pair": (DEF, on_fargate(resourceRequirements=needs("1", "512")), "no 512 MiB with 1 vCPU"),
    "fargate, three": (DEF, on_fargate(resourceRequirements=needs("3")), "Fargate has no 3 vCPUs"),
    "fargate, deprecated": (
        DEF,
        {**on_fargate(), "containerProperties": {"image": "x", "vcpus": 1, "memory": 2048, "executionRoleArn": ROLE}},
        "vcpus: Fargate takes VCPU in resourceRequirements",
    ),
    "fargate, storage": (
        DEF,
        on_fargate(ephemeralStorage={"sizeInGiB": 20}),
        "ephemeralStorage.sizeInGiB: must be 21 to 200",
    ),
    "fargate, log driver": (
        DEF,
        on_fargate(logConfiguration={"logDriver": "json-file"}),
        "logDriver: 'json-file' is none of",
    ),
    "fargate, host": (
        DEF,
        on_fargate(volumes=[{"name": "h", "host": {"sourcePath": "/x"}}]),
        "host: Fargate has no host",
    ),
    "fargate, nodes": (
        DEF,
        {**of_nodes(n0to=ONE_IMAGE), "platformCapabilities": ["FARGATE"]},
        "Fargate has no multi-node jobs",
    ),
    "two platforms": (
        DEF,
        {**on_ec2(), "platformCapabilities": ["EC2", "FARGATE"]},
        "platformCapabilities: a job definition has one",
    ),
    "two forms": (DEF, {**on_ec2(), **of_pod()}, "type: a job definition of type container has one of"),
    "no form": (DEF, {"type": "container"}, "type: a job definition of type container has one of"),
    "nodes of a container": (DEF, {**on_ec2(), "type": "multinode"}, "has one of nodeProperties"),
    "none essential": (DEF, of_containers(container(name="a", essential=False)), "none is essential"),
    "equal names": (DEF, of_containers(container(name="a"), container(name="a")), "two have one name"),
    "main node": (DEF, of_nodes(main=4, n0to=ONE_IMAGE), "mainNode: 4 is none of the nodes 0 to 3"),
    "missing nodes": (DEF, of_nodes(n0to2=ONE_IMAGE), "no range has node 3"),
    "no nodes": (DEF, of_nodes(0, n0to=ONE_IMAGE), "numNodes: must be 1 to 1000, not 0"),
    "no instance role": (ENV, without(instances(), "computeResources", "instanceRole"), "instanceRole: is missing"),
    "no subnets": (ENV, without(instances(), "computeResources", "subnets"), "subnets: is missing"),
    "no resources": (ENV, {"type": "MANAGED"}, "computeResources: is missing"),
    "more at least": (ENV, instances(minvCpus=512), "minvCpus: 512 is more than maxvCpus, 256"),
    "wanted": (ENV, instances(desiredvCpus=512), "desiredvCpus: 512 is not between"),
    "spot without a role": (ENV, instances("SPOT"), "spotIamFleetRole: is missing"),
    "bid": (ENV, instances("SPOT", bidPercentage=120, spotIamFleetRole=ROLE), "bidPercentage: must be 0 to 100"),
    "fargate, at least": (ENV, fargate(minvCpus=0), "minvCpus: is not for FARGATE"),
    "fargate, types": (
        ENV,
        fargate("FARGATE_SPOT", instanceTypes=["optimal"]),
        "instanceTypes: is not for FARGATE_SPOT",
    ),
    "fargate, strategy": (ENV, fargate(allocationStrategy="BEST_FIT"), "allocationStrategy: is not for"),
    "fargate, no groups": (
        ENV,
        without(fargate(), "computeResources", "securityGroupIds"),
        "securityGroupIds: is missing",
    ),
    "unmanaged fargate": (ENV, {**fargate(), "type": "UNMANAGED", "serviceRole": ROLE}, "no UNMANAGED compute"),
    "unmanaged without a role": (ENV, {"type": "UNMANAGED"}, "serviceRole: is missing"),
    "disabled": (ENV, {**instances(), "state": "DISABLED"}, "state: AWS Batch creates"),
    "four environments": (QUE, queue("a", "b", "c", "d"), "can have 3 compute environments at most, not 4"),
    "one order": (
        QUE,
        {**queue(), "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": one} for one in "ab"]},
        "two compute environments have the same order",
    ),
    "priority": (QUE, queue("ce", priority=-1), "priority: must be 0 or more"),
}


def told(place: Path, option: str, request: dict[str, Any]) -> list[str]:
    """What `--create` says of a file with this request, before it asks AWS anything."""
    kind: Kind = next(kind for kind in KINDS.values() if kind.option.strip("-").replace("-", "_") == option)
    path = place / "entity.json"
    path.write_text(json.dumps(request))
    settings = load(["--create", "--prefix", "x", kind.option, str(path)])
    return [str(problem).removeprefix(f"{path}: ") for problem in plan_of(settings, None)[1]]


@pytest.mark.parametrize("name", RIGHT)
def test_none_of_the_right_ones_is_refused(tmp_path: Path, name: str) -> None:
    assert told(tmp_path, *RIGHT[name]) == []


@pytest.mark.parametrize("name", WRONG)
def test_each_of_the_wrong_ones_is_named(tmp_path: Path, name: str) -> None:
    option, request, what = WRONG[name]
    found = told(tmp_path, option, request)
    assert any(what in problem for problem in found), found


def test_there_are_as_many_as_it_takes() -> None:
    assert len(RIGHT) + len(WRONG) >= 60
