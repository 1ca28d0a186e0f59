"""Pure: why jobs stay RUNNABLE, in one sentence with the remedy, from what is known of their queue."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobbag.entities.capacity import Needs, is_usable, never_fits
from jobbag.hints import command_of_aws
from jobbag.text import counted

LONG = 600.0  # s after which instances that were asked for should be there

# What AWS Batch says of the job at the head of a queue that it blocks (AWS Batch User Guide, Jobs stuck in a
# RUNNABLE status), and what helps.
_REMEDIES = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": "wait, or give the compute environment more instance types and subnets",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "raise maxvCpus of the compute environment, or ask for less",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": "give the compute environment larger instance types, or ask for less",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": "repair the service role of the compute environment",
    "ACTION_REQUIRED": "repair the compute environment",
}
_CODE = re.compile(r"[A-Z_]{6,}(:[A-Z_]+)?(?![a-z])")  # a reason without such a code is that of an earlier attempt


@dataclass(frozen=True)
class Facts:
    """What is known of a job queue, and of the jobs of this run in it. What could not be asked is None."""

    queue: str  # name or ARN
    waited: float = 0.0  # s since the first of the waiting jobs was seen to be RUNNABLE
    waiting: int = 0  # jobs that are RUNNABLE
    running: int = 0  # jobs that are STARTING or RUNNING, in this queue or another
    needs: tuple[Needs, ...] = ()  # what the waiting jobs ask for, each once
    said: tuple[str, ...] = ()  # their statusReasons
    detail: Mapping[str, Any] | None = None  # the answer of DescribeJobQueues; empty: there is no such queue
    environments: tuple[Mapping[str, Any], ...] | None = None  # of the queue, those that there are, in its order
    ahead: int | None = None  # jobs of others before the first of this run; at least so many
    denied: str | None = None  # why something could not be asked


@dataclass(frozen=True)
class Cause:
    """Why jobs wait, and what to do. Causes with the same `key` are the same; `wrong`: it will not pass by itself."""

    key: tuple[str, ...]
    why: str
    remedy: str
    wrong: bool = True

    def __str__(self) -> str:
        return f"{self.why}; {self.remedy}"


def sentence(facts: Facts, cause: Cause) -> str:
    """The cause as a message: how many jobs wait, where, why, and the remedy."""
    jobs = "1 job waits" if facts.waiting == 1 else f"{facts.waiting} jobs wait"
    return f"{jobs} in the job queue {_name(facts.queue)}: {cause}"


def cause(facts: Facts) -> Cause | None:
    """The likeliest cause; None if nothing is wrong, or nothing that shows yet."""
    return next((found for find in (*_WRONG, *_SLOW) if (found := find(facts)) is not None), None)


def obstacle(facts: Facts) -> Cause | None:
    """What keeps jobs from ever starting, however long they wait."""
    return next((found for find in _WRONG if (found := find(facts)) is not None), None)


# -- what will not pass by itself


def _queue_is_gone(facts: Facts) -> Cause | None:
    if facts.detail is None or (facts.detail and facts.detail.get("status") not in ("DELETING", "DELETED")):
        return None
    return Cause(("gone",), "the queue is deleted", "use another one")


def _queue_is_invalid(facts: Facts) -> Cause | None:
    if not facts.detail or facts.detail.get("status") != "INVALID":
        return None
    return Cause(("queue",), f"the queue is INVALID{_reason(facts.detail)}", "repair it, or use another one")


def _no_environment(facts: Facts) -> Cause | None:
    """A queue passes over what is DISABLED or INVALID, and tries the next."""
    order = (facts.detail or {}).get("computeEnvironmentOrder")
    if facts.environments is None or not order or any(map(is_usable, facts.environments)):
        return None
    if not facts.environments:
        return Cause(("environments",), "its compute environments are deleted", "give it another one")
    states = [_state(environment) for environment in facts.environments]
    disabled = [_name_of(one) for one in facts.environments if one.get("state") == "DISABLED"]
    remedy = "repair it"
    if disabled:
        name = disabled[0]
        remedy = _enable(f"update-compute-environment --compute-environment {name}")
    return Cause(("environments", *states), f"its compute environment {', '.join(states)}", remedy)


def _enable(words: str) -> str:
    return f"enable it: {command_of_aws(f'batch {words} --state ENABLED') or 'in the console of AWS Batch'}"


def _queue_is_disabled(facts: Facts) -> Cause | None:
    if not facts.detail or facts.detail.get("state") != "DISABLED":
        return None
    name = _name(facts.queue)
    remedy = _enable(f"update-job-queue --job-queue {name}")
    return Cause(("disabled",), "the queue is DISABLED", remedy)


def _too_large(facts: Facts) -> Cause | None:
    """A request that no compute environment of the queue can ever meet."""
    for needs in facts.needs:
        found = never_fits(needs, facts.environments or ())
        if found is not None:
            return Cause(("large", str(needs)), f"a job asks for {needs}, and {found.why}", found.remedy)
    return None


def _aws_says(facts: Facts) -> Cause | None:
    text = next((text for text in facts.said if _CODE.match(text)), None)
    found = _CODE.match(text) if text else None
    if found is None:
        return None
    code = found[0]
    remedy = _REMEDIES.get(code, "see Jobs stuck in a RUNNABLE status in the AWS Batch User Guide")
    if code.startswith("CAPACITY") and any(map(_is_spot, facts.environments or ())):
        remedy += ", or use one that is not spot"
    return Cause(("said", code), f"AWS Batch says {text}", remedy)


_Find = Callable[[Facts], Cause | None]
_WRONG: tuple[_Find, ...] = (
    _queue_is_gone, _queue_is_invalid, _no_environment, _queue_is_disabled, _too_large, _aws_says,
)  # fmt: skip


# -- what may only take time


def _full(facts: Facts) -> Cause | None:
    usable = [environment for environment in facts.environments or () if is_usable(environment)]
    if not usable or not all(_is_full(environment) for environment in usable):
        return None
    most = usable[0]["computeResources"]["maxvCpus"]
    others = f", and {counted(facts.ahead, 'job')} of others ahead" if facts.ahead else ""
    why = f"all {most} vCPUs of its compute environment {_name_of(usable[0])} are taken{others}"
    return Cause(("full",), why, "wait, or raise its maxvCpus", wrong=False)


def _others_first(facts: Facts) -> Cause | None:
    if not facts.ahead:
        return None
    verb = "is" if facts.ahead == 1 else "are"
    why = f"{counted(facts.ahead, 'job')} of others {verb} ahead"
    return Cause(("ahead",), why, "wait, or use another queue", wrong=False)


def _no_instances(facts: Facts) -> Cause | None:
    """Nothing runs yet, and that is all that is known: instances may be starting."""
    usable = [environment for environment in facts.environments or () if is_usable(environment)]
    if facts.running or not usable:
        return None
    first, name = usable[0], _name_of(usable[0])
    if first.get("type") == "UNMANAGED":
        remedy = "see that instances have joined its ECS cluster, with room for a job"
        return Cause(("unmanaged",), f"nobody but you starts instances for {name}, which is UNMANAGED", remedy)
    if facts.waited < LONG:
        return Cause(("starting",), f"instances of {name} may be starting", "this takes minutes", wrong=False)
    minutes = f"nothing of {name} has started in {facts.waited / 60:.0f} minutes"
    if _is_spot(first):
        bid = first["computeResources"].get("bidPercentage")
        price = f", raise its bidPercentage ({bid})" if bid and bid < 100 else ""
        remedy = f"give it more instance types and subnets{price}, or use one that is not spot"
        return Cause(("spot",), f"{minutes}, so spot capacity may be lacking", remedy)
    remedy = "check its instance role, its subnets' way to ECS and the image registry, and the account's vCPU quotas"
    return Cause(("stuck",), minutes, remedy)


def _unknown(facts: Facts) -> Cause | None:
    if facts.running or facts.denied is None or facts.environments is not None:
        return None
    remedy = "allow batch:DescribeJobQueues and batch:DescribeComputeEnvironments to be told more"
    return Cause(("unknown",), f"why is not known ({facts.denied})", remedy, wrong=False)


_SLOW: tuple[_Find, ...] = (_full, _others_first, _no_instances, _unknown)


# -- parts


def _is_full(environment: Mapping[str, Any]) -> bool:
    resources = environment.get("computeResources") or {}
    most, desired = resources.get("maxvCpus"), resources.get("desiredvCpus")
    return most is not None and desired is not None and desired >= most


def _is_spot(environment: Mapping[str, Any]) -> bool:
    return "SPOT" in str((environment.get("computeResources") or {}).get("type"))


def _state(environment: Mapping[str, Any]) -> str:
    name = _name_of(environment)
    if environment.get("state") == "DISABLED":
        return f"{name} is DISABLED"
    return f"{name} is {environment.get('status')}{_reason(environment)}"


def _reason(detail: Mapping[str, Any]) -> str:
    return f" ({detail['statusReason']})" if detail.get("statusReason") else ""


def _name_of(environment: Mapping[str, Any]) -> str:
    return str(environment.get("computeEnvironmentName"))


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]
