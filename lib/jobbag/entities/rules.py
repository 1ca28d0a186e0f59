"""Pure: what AWS Batch refuses in the requests that create entities, beyond what botocore's model of the API tells.

The rules are those of the AWS Batch API Reference. What is of the wrong type is left to the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jobbag.bag.api_rules import rule_problems
from jobbag.entities.capacity import fargate_misfit, needs_of
from jobbag.entities.containers import Form

MAX_DEFINITION_BYTES = 24 * 1024
MOST_ENVIRONMENTS = 3  # of a queue
MOST_CONTAINERS, MOST_RANGES, MOST_NODES = 10, 5, 1000
MIN_STORAGE, MAX_STORAGE = 21, 200  # GiB of Fargate's ephemeral storage

Found = Iterator[tuple[str, str]]  # the path of a field, and what is wrong with it

_LOG_DRIVERS_OF_FARGATE = ("awslogs", "splunk", "awsfirelens")
_NOT_ON_FARGATE = {
    "privileged": "Fargate has no privileged containers",
    "ulimits": "Fargate takes no ulimits",
    "instanceType": "Fargate has no instance types",
    "vcpus": "Fargate takes VCPU in resourceRequirements only",
    "memory": "Fargate takes MEMORY in resourceRequirements only",
}
_ONLY_ON_FARGATE = ("fargatePlatformConfiguration", "ephemeralStorage", "networkConfiguration")
_OF_INSTANCES = (
    "minvCpus", "desiredvCpus", "instanceTypes", "instanceRole", "imageId", "ec2KeyPair", "ec2Configuration",
    "allocationStrategy", "launchTemplate", "placementGroup", "bidPercentage", "spotIamFleetRole", "tags",
)  # fmt: skip


def definition_problems(request: Mapping[str, Any]) -> Found:
    """What RegisterJobDefinition refuses."""
    forms, kind = [form for form in Form if form.value in request], request.get("type")
    wanted = [Form.NODES] if kind == "multinode" else [form for form in Form if form is not Form.NODES]
    if len(forms) != 1 or forms[0] not in wanted:
        yield "type", f"a job definition of type {kind} has one of {', '.join(form.value for form in wanted)}"
    platforms = [str(one).upper() for one in _list(request.get("platformCapabilities"))]
    if len(platforms) > 1 or (platforms and Form.EKS in forms):
        what = "a job definition for EKS has none" if Form.EKS in forms else "a job definition has one"
        yield "platformCapabilities", what
    is_fargate = platforms == ["FARGATE"]
    if is_fargate and kind == "multinode":
        yield "platformCapabilities", "Fargate has no multi-node jobs"
    if platforms == ["MANAGED_INSTANCES"] and Form.CONTAINER in forms:
        yield "platformCapabilities", "MANAGED_INSTANCES needs ecsProperties"
    yield from _nodes_problems(_object(request.get("nodeProperties")))
    for where, task in _tasks(request):
        yield from _task_problems(where, task, is_fargate=is_fargate)
    size = len(json.dumps(request))
    if size > MAX_DEFINITION_BYTES:
        yield "", f"the definition is {size} bytes long; AWS Batch takes {MAX_DEFINITION_BYTES} at most"
    for problem in rule_problems(request):
        where, _, what = problem.partition(": ")
        yield where, what


def _tasks(request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What each machine of a job runs, with its path: containerProperties, or an element of taskProperties."""
    if "containerProperties" in request:
        yield "containerProperties", _object(request["containerProperties"])
    for index, task in _objects(_object(request.get("ecsProperties")).get("taskProperties")):
        yield f"ecsProperties.taskProperties[{index}]", task
    for index, nodes in _objects(_object(request.get("nodeProperties")).get("nodeRangeProperties")):
        here = f"nodeProperties.nodeRangeProperties[{index}]"
        if "container" in nodes:
            yield f"{here}.container", _object(nodes["container"])
        elif "ecsProperties" in nodes:
            yield from ((f"{here}.{where}", task) for where, task in _tasks({"ecsProperties": nodes["ecsProperties"]}))
        elif "eksProperties" not in nodes:
            yield here, {"containers": None}


def _task_problems(where: str, task: Mapping[str, Any], *, is_fargate: bool) -> Found:
    several = "containers" in task
    containers = _objects(task["containers"]) if several else [(0, task)]
    if several and not 1 <= len(containers) <= MOST_CONTAINERS:
        yield where, f"has no container, or more than {MOST_CONTAINERS}"
        return
    names = [one.get("name") for _, one in containers if one.get("name")]
    if len(set(names)) < len(names):
        yield f"{where}.containers", "two have one name"
    if several and not any(one.get("essential", True) for _, one in containers):
        yield f"{where}.containers", "none is essential, so none decides how the job ends"
    volumes = {volume.get("name") for _, volume in _objects(task.get("volumes"))}
    for index, container in containers:
        here = f"{where}.containers[{index}]" if several else where
        yield from _container_problems(here, container, volumes, is_fargate=is_fargate)
    yield from _resource_problems(where, [one for _, one in containers], is_fargate=is_fargate)
    for index, volume in _objects(task.get("volumes")):
        yield from _volume_problems(f"{where}.volumes[{index}]", volume, is_fargate=is_fargate)
    if is_fargate and not task.get("executionRoleArn"):
        yield f"{where}.executionRoleArn", "is missing: Fargate pulls the image and writes the log with this role"
    if not is_fargate:
        for field in _ONLY_ON_FARGATE:
            if task.get(field):
                yield f"{where}.{field}", "is for Fargate only: platformCapabilities says nothing of it"
    gib = _object(task.get("ephemeralStorage")).get("sizeInGiB")
    if isinstance(gib, int) and not MIN_STORAGE <= gib <= MAX_STORAGE:
        yield f"{where}.ephemeralStorage.sizeInGiB", f"must be {MIN_STORAGE} to {MAX_STORAGE}, not {gib}"


def _container_problems(where: str, container: Mapping[str, Any], volumes: Iterable[Any], *, is_fargate: bool) -> Found:
    if not container.get("image"):
        yield f"{where}.image", "is missing"
    for index, mount in _objects(container.get("mountPoints")):
        if mount.get("sourceVolume") not in volumes:
            name = mount.get("sourceVolume")
            yield f"{where}.mountPoints[{index}].sourceVolume", f"there is no volume {name!r} among the volumes"
    requirements = _objects(container.get("resourceRequirements"))
    types = {str(one.get("type")).upper() for _, one in requirements}
    for deprecated, kind in (("vcpus", "VCPU"), ("memory", "MEMORY")):
        if deprecated in container and kind in types:
            yield f"{where}.{deprecated}", f"is given beside {kind} in resourceRequirements: leave it out"
    if is_fargate:
        for field, what in _NOT_ON_FARGATE.items():
            if container.get(field):
                yield f"{where}.{field}", what
        driver = _object(container.get("logConfiguration")).get("logDriver")
        if driver is not None and driver not in _LOG_DRIVERS_OF_FARGATE:
            drivers = ", ".join(_LOG_DRIVERS_OF_FARGATE)
            yield f"{where}.logConfiguration.logDriver", f"{driver!r} is none of Fargate's: {drivers}"
        return
    for index, one in requirements:
        if str(one.get("type")).upper() == "VCPU" and _is_fraction(one.get("value")):
            value = one.get("value")
            yield f"{where}.resourceRequirements[{index}].value", f"{value!r}: instances have whole vCPUs"


def _resource_problems(where: str, containers: Sequence[Mapping[str, Any]], *, is_fargate: bool) -> Found:
    given = {
        str(one.get("type")).upper() for each in containers for _, one in _objects(each.get("resourceRequirements"))
    }
    for kind, deprecated in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if kind not in given and not any(deprecated in each for each in containers):
            yield f"{where}.resourceRequirements", f"{kind} is missing: say how much each job gets"
    if is_fargate:
        try:
            needs = needs_of({"ecsProperties": {"taskProperties": [{"containers": containers}]}})
        except (TypeError, ValueError, AttributeError):
            return  # the model tells of it
        misfit = fargate_misfit(needs)
        if misfit is not None:
            yield f"{where}.resourceRequirements", f"{misfit.why}: {misfit.remedy}"


def _volume_problems(where: str, volume: Mapping[str, Any], *, is_fargate: bool) -> Found:
    if is_fargate and volume.get("host"):
        yield f"{where}.host", "Fargate has no host whose directories could be mounted"
    files = _object(volume.get("efsVolumeConfiguration"))
    access = _object(files.get("authorizationConfig"))
    if str(files.get("transitEncryption")).upper() != "ENABLED":
        for field in ("iam", "accessPointId"):
            if access.get(field) and str(access[field]).upper() != "DISABLED":
                what = f"must be ENABLED with authorizationConfig.{field}"
                yield f"{where}.efsVolumeConfiguration.transitEncryption", what
    if access.get("accessPointId") and files.get("rootDirectory", "/") != "/":
        yield f"{where}.efsVolumeConfiguration.rootDirectory", "must be left out, or /, with an access point"


def _nodes_problems(properties: Mapping[str, Any]) -> Found:
    number, main = properties.get("numNodes"), properties.get("mainNode")
    ranges = [one for _, one in _objects(properties.get("nodeRangeProperties"))]
    if not isinstance(number, int):
        return
    if not 1 <= number <= MOST_NODES:
        yield "nodeProperties.numNodes", f"must be 1 to {MOST_NODES}, not {number}"
        return
    if isinstance(main, int) and not 0 <= main < number:
        yield "nodeProperties.mainNode", f"{main} is none of the nodes 0 to {number - 1}"
    if len(ranges) > MOST_RANGES:
        yield "nodeProperties.nodeRangeProperties", f"can have {MOST_RANGES} entries at most, not {len(ranges)}"
    covered: set[int] = set()
    for one in ranges:
        first, colon, last = str(one.get("targetNodes")).partition(":")
        if (first or "0").isdigit() and (last or "0").isdigit():
            end = int(last or number - 1) if colon else int(first or 0)
            covered.update(range(int(first or 0), min(end, number - 1) + 1))
    if missing := sorted(set(range(number)) - covered):
        yield "nodeProperties.nodeRangeProperties", f"no range has node {missing[0]}"


def environment_problems(request: Mapping[str, Any]) -> Found:
    """What CreateComputeEnvironment refuses."""
    kind, resources = str(request.get("type")).upper(), request.get("computeResources")
    if kind == "MANAGED" and resources is None:
        yield "computeResources", "is missing: a MANAGED compute environment needs it"
    if kind == "UNMANAGED" and not request.get("serviceRole"):
        yield "serviceRole", "is missing: an UNMANAGED compute environment needs it"
    if str(request.get("state", "ENABLED")).upper() == "DISABLED":
        yield "state", "AWS Batch creates compute environments ENABLED only"
    if not isinstance(resources, dict):
        return
    where, platform = "computeResources", str(resources.get("type")).upper()
    if platform.startswith("FARGATE"):
        if kind == "UNMANAGED":
            yield "type", "there is no UNMANAGED compute environment of Fargate"
        for field in _OF_INSTANCES:
            if field in resources:
                yield f"{where}.{field}", f"is not for {platform}, which has no instances"
        needed = {"subnets": "says where jobs run", "securityGroupIds": "says what they may reach"}
    elif platform in ("EC2", "SPOT"):
        needed = {
            "subnets": "says where instances run", "instanceTypes": "says which, such as optimal",
            "instanceRole": "is the instance profile of its instances",
        }  # fmt: skip
        strategy = str(resources.get("allocationStrategy", "BEST_FIT")).upper()
        if platform == "SPOT" and strategy == "BEST_FIT" and not resources.get("spotIamFleetRole"):
            yield f"{where}.spotIamFleetRole", "is missing: SPOT needs it with BEST_FIT, or without allocationStrategy"
        bid = resources.get("bidPercentage")
        if isinstance(bid, int) and not 0 <= bid <= 100:
            yield f"{where}.bidPercentage", f"must be 0 to 100, not {bid}"
    else:
        return
    for field, what in needed.items():
        if not resources.get(field):
            yield f"{where}.{field}", f"is missing: it {what}"
    least, wanted, most = (resources.get(field) for field in ("minvCpus", "desiredvCpus", "maxvCpus"))
    if isinstance(most, int) and most < 1:
        yield f"{where}.maxvCpus", f"must be 1 or more, not {most}"
    elif isinstance(least, int) and isinstance(most, int) and least > most:
        yield f"{where}.minvCpus", f"{least} is more than maxvCpus, {most}"
    elif isinstance(wanted, int) and isinstance(most, int) and not (least or 0) <= wanted <= most:
        yield f"{where}.desiredvCpus", f"{wanted} is not between minvCpus, {least or 0}, and maxvCpus, {most}"


def queue_problems(request: Mapping[str, Any]) -> Found:
    """What CreateJobQueue refuses."""
    order = [one for _, one in _objects(request.get("computeEnvironmentOrder"))]
    if len(order) > MOST_ENVIRONMENTS:
        yield "computeEnvironmentOrder", f"can have {MOST_ENVIRONMENTS} compute environments at most, not {len(order)}"
    numbers = [one.get("order") for one in order]
    if len(set(map(str, numbers))) < len(numbers):
        yield "computeEnvironmentOrder", "two compute environments have the same order"
    priority = request.get("priority")
    if isinstance(priority, int) and priority < 0:
        yield "priority", f"must be 0 or more, not {priority}"


def _is_fraction(value: Any) -> bool:
    try:
        return not float(value).is_integer()
    except (TypeError, ValueError, OverflowError):
        return False


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """The objects of a list, with their indexes."""
    return [(index, one) for index, one in enumerate(_list(value)) if isinstance(one, dict)]
