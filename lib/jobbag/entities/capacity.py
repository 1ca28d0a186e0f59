"""Pure: what a job asks for, and whether a compute environment can ever give it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobbag.bag.job import Job
from jobbag.entities.containers import Form, containers_of, form_of, main_of, ranges_of_nodes
from jobbag.entities.kinds import ENVIRONMENT

# MiB that Fargate has for each number of vCPUs (AWS Batch API Reference, ResourceRequirement).
_FARGATE: Mapping[float, Sequence[int]] = {
    0.25: (512, 1024, 2048),
    0.5: range(1024, 4096 + 1, 1024),
    1: range(2048, 8192 + 1, 1024),
    2: range(4096, 16384 + 1, 1024),
    4: range(8192, 30720 + 1, 1024),
    8: range(16384, 61440 + 1, 4096),
    16: range(32768, 122880 + 1, 8192),
    32: (61440, 122880, 249856),
}
_SIZE = re.compile(r"[a-z][a-z0-9-]*\.(?:(?P<times>\d*)(?P<x>x))?large")
_IRREGULAR = re.compile(r"hpc|(c1|c4|d2|hs1|m2)\.")  # families in which a size can have other vCPUs
# Families in which all sizes have the same memory for each vCPU, and how much (GiB) by their letter.
_PROPORTIONAL = re.compile(r"(?:([cr])(?:[5-9]|\d\d)|(m)(?:[4-9]|\d\d))[a-z]*(?:-flex)?\.")
_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8}
_FOR_JOBS = 0.9  # of an instance's memory: the system and the agent of ECS take the rest, or less
_HAS_GPUS = re.compile(r"(g|gr|p)\d")  # how the names of such families begin


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job asks for: vCPUs, memory (MiB), GPUs, on so many machines. None: not known."""

    vcpus: float | None = None
    memory: int | None = None
    gpus: int | None = None
    nodes: int = 1

    def __str__(self) -> str:
        vcpus = f"{self.vcpus:g} vCPU{'' if self.vcpus <= 1 else 's'}" if self.vcpus is not None else ""
        memory = f"{self.memory} MiB" if self.memory is not None else ""
        gpus = f"{self.gpus} GPU{'' if self.gpus == 1 else 's'}" if self.gpus else ""
        nodes = f"{self.nodes} nodes" if self.nodes > 1 else ""
        return ", ".join(part for part in (vcpus, memory, gpus, nodes) if part)


@dataclass(frozen=True)
class Misfit:
    """Why a compute environment can never run a job, and what would help."""

    why: str
    remedy: str


def needs_of(detail: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Needs:
    """What a job asks for.

    `detail` is the job as DescribeJobs shows it; or its job definition, which `overrides` (containerOverrides) changes.
    """
    form = form_of(detail)
    if form is Form.NODES:
        ranges = ranges_of_nodes(detail[form.value])
        return replace(_sum(needs_of(one, overrides) for one in ranges), nodes=len(ranges))
    containers = containers_of(detail)
    main = main_of(containers)
    return _sum(_of_container(one, (overrides or {}) if one is main else {}) for one in containers)


def needs_of_job(job: Job, definition: Mapping[str, Any]) -> Needs:
    """What a job asks for with its job definition. Nothing is said of one with overrides of several containers."""
    form = form_of(definition)
    if form is not Form.CONTAINER and form.overrides in job.request:
        return Needs()
    return needs_of(definition, job.request.get(Form.CONTAINER.overrides))


def _of_container(container: Mapping[str, Any], overrides: Mapping[str, Any]) -> Needs:
    """Deprecated fields in an override do not change a resourceRequirement (AWS Batch API Reference)."""
    found: dict[str, Any] = {}
    for kind, deprecated in (("VCPU", "vcpus"), ("MEMORY", "memory"), ("GPU", "")):
        for one in (container, overrides):
            found[kind] = one.get(deprecated, found.get(kind))
    for one in (container, overrides):
        for need in one.get("resourceRequirements") or ():
            found[str(need.get("type")).upper()] = need.get("value")
    for name, amount in _of_pod(container.get("resources") or {}).items():
        found[name] = amount
    vcpus, memory, gpus = (_number(found.get(kind)) for kind in ("VCPU", "MEMORY", "GPU"))
    return Needs(vcpus, _whole(memory), _whole(gpus))


def _of_pod(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same of a container on EKS: `cpu` in vCPUs, `memory` as in 1024Mi."""
    both = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    memory = str(both.get("memory", "")).removesuffix("Mi")
    asked = {"VCPU": both.get("cpu"), "MEMORY": memory, "GPU": both.get("nvidia.com/gpu")}
    return {name: amount for name, amount in asked.items() if amount}


def _number(value: Any) -> float | None:
    try:
        return float(value) or None  # the service may show what is not given as 0
    except (TypeError, ValueError):
        return None


def _sum(needs: Iterable[Needs]) -> Needs:
    each = list(needs)
    memory, gpus = _total(one.memory for one in each), _total(one.gpus for one in each)
    return Needs(_total(one.vcpus for one in each), _whole(memory), _whole(gpus))


def _total(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _whole(amount: float | None) -> int | None:
    return None if amount is None else int(amount)


def vcpus_of(instance_type: str) -> int | None:
    """The vCPUs of an instance type such as c5.2xlarge; None if they do not follow from its name."""
    found = _SIZE.fullmatch(instance_type)
    if found is None or _IRREGULAR.match(instance_type):
        return None
    return 4 * int(found["times"] or 1) if found["x"] else 2


def memory_of(instance_type: str) -> int | None:
    """The memory (MiB) of an instance type such as r5.2xlarge; None if it does not follow from its name."""
    vcpus, found = vcpus_of(instance_type), _PROPORTIONAL.match(instance_type)
    if vcpus is None or found is None or instance_type.startswith("c5n."):
        return None
    return vcpus * _GIB_PER_VCPU[found[1] or found[2]] * 1024


def largest_memory(environment: Mapping[str, Any]) -> tuple[int, str] | None:
    """The most memory (MiB) that a job can have in a compute environment, and on which instance type; None if it is not
    known."""
    kinds = (environment.get("computeResources") or {}).get("instanceTypes") or ()
    sizes = [(memory_of(kind), kind) for kind in kinds]
    known = [(int(size * _FOR_JOBS), kind) for size, kind in sizes if size is not None]
    return max(known) if known and len(known) == len(sizes) else None


def fargate_memory(vcpus: float) -> Sequence[int]:
    """The amounts of memory (MiB) that Fargate has with so many vCPUs, in their order."""
    return _FARGATE.get(vcpus, ())


def misfit(needs: Needs, environment: Mapping[str, Any]) -> Misfit | None:
    """Why a compute environment can never run a job with these needs; None if it may.

    `environment` is what DescribeComputeEnvironments shows, or the request that creates it.
    """
    resources = environment.get("computeResources") or {}
    name = environment.get(ENVIRONMENT.name_field)
    if str(resources.get("type", "")).upper().startswith("FARGATE"):
        found = fargate_misfit(needs)
        if found is not None:
            return found
    kinds = resources.get("instanceTypes") or ()
    if needs.gpus and kinds and not any(map(_HAS_GPUS.match, kinds)):
        return Misfit(f"no instance of {name} has GPUs ({', '.join(kinds)})", "give it instance types with GPUs")
    if needs.vcpus is None:
        return None
    most = resources.get("maxvCpus")
    if most is not None and needs.vcpus > most:
        return Misfit(f"{name} has {most} vCPUs at most (maxvCpus)", "raise its maxvCpus, or ask for less")
    sizes = {kind: vcpus_of(kind) for kind in kinds}
    known = {kind: size for kind, size in sizes.items() if size is not None}
    if sizes and len(known) == len(sizes) and needs.nodes == 1:
        largest = max(known, key=lambda kind: known[kind])
        if needs.vcpus > known[largest]:
            why = f"the largest instance of {name}, {largest}, has {known[largest]} vCPUs"
            return Misfit(why, "give it larger instance types, or ask for less")
    return None


def is_usable(environment: Mapping[str, Any]) -> bool:
    """Whether a queue passes jobs on to the compute environment: it passes over what is DISABLED or INVALID."""
    return environment.get("state") != "DISABLED" and environment.get("status") not in ("INVALID", "DELETING")


def never_fits(needs: Needs, environments: Iterable[Mapping[str, Any]]) -> Misfit | None:
    """Why none of the compute environments of a queue can ever run a job with these needs; None if one may."""
    found = [misfit(needs, environment) for environment in environments if is_usable(environment)]
    return found[0] if found and None not in found else None


def platforms_of(definition: Mapping[str, Any]) -> list[str]:
    """What jobs with the definition run on: EC2, FARGATE, MANAGED_INSTANCES or EKS; empty if it is not known."""
    if not definition:
        return []
    if form_of(definition) is Form.EKS:
        return ["EKS"]
    return [str(one).upper() for one in definition.get("platformCapabilities") or ("EC2",)]


def platform_of(environment: Mapping[str, Any]) -> str | None:
    """The same of a compute environment; None if it is not known, as of one that is UNMANAGED."""
    kind = str((environment.get("computeResources") or {}).get("type", "")).upper()
    if environment.get("eksConfiguration"):
        return "EKS"
    if not kind:
        return None
    return "FARGATE" if kind.startswith("FARGATE") else kind.removeprefix("ECS_") if "MANAGED" in kind else "EC2"


def fargate_misfit(needs: Needs) -> Misfit | None:
    """Why Fargate can never run a job with these needs; None if it may."""
    if needs.gpus:
        return Misfit("Fargate has no GPUs", "use a compute environment of type EC2")
    if needs.vcpus is None:
        return None
    if needs.vcpus not in _FARGATE:
        return Misfit(f"Fargate has no {needs.vcpus:g} vCPUs", f"ask for {_either(_FARGATE)}")
    memory = _FARGATE[needs.vcpus]
    if needs.memory is None or needs.memory in memory:
        return None
    why = f"Fargate has no {needs.memory} MiB with {needs.vcpus:g} vCPU{'' if needs.vcpus <= 1 else 's'}"
    has = f"{memory[0]} to {memory[-1]} by {memory.step}" if isinstance(memory, range) else _either(memory)
    return Misfit(why, f"ask for {has} MiB")


def enough_memory(needed: int, vcpus: float | None, *, fargate: bool) -> int | None:
    """The least memory (MiB) with so many vCPUs that is no less than what is needed; None if there is none."""
    if not fargate:
        return needed
    return next((one for one in fargate_memory(vcpus or 0) if one >= needed), None)


def _either(values: Iterable[float]) -> str:
    *others, last = (f"{value:g}" for value in values)
    return f"{', '.join(others)} or {last}"


def environment_refs(queue: Mapping[str, Any]) -> list[str]:
    """The names or ARNs of the compute environments of a queue, in the order in which it tries them.

    `queue` is what DescribeJobQueues shows, or the request that creates it.
    """
    order = sorted(queue.get("computeEnvironmentOrder", ()), key=lambda one: int(one.get("order") or 0))
    return [str(one.get("computeEnvironment")) for one in order]


def those_of(refs: list[str], described: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Those of the compute environments, given by name or ARN, that DescribeComputeEnvironments has shown."""
    found = list(described)
    by_ref = {one[field]: one for one in found for field in ("computeEnvironmentName", "computeEnvironmentArn")}
    return tuple(by_ref[ref] for ref in refs if ref in by_ref)
