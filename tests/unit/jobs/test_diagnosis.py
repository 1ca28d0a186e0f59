"""Why jobs wait: from what is known to a sentence with the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from jobbag.entities.capacity import Needs
from jobbag.jobs.diagnosis import Facts, cause, obstacle, sentence

ARN = "arn:aws:batch:us-east-1:123456789012:job-queue/demo"


def queue(**fields: Any) -> dict[str, Any]:
    order = [{"order": 1, "computeEnvironment": "one"}]
    return {"jobQueueName": "demo", "state": "ENABLED", "status": "VALID", "computeEnvironmentOrder": order, **fields}


def environment(name: str = "ce", kind: str = "EC2", **fields: Any) -> dict[str, Any]:
    resources = {"type": kind, "maxvCpus": 16, "desiredvCpus": 8, **fields.pop("resources", {})}
    return {
        "computeEnvironmentName": name,
        "type": "MANAGED",
        "state": "ENABLED",
        "status": "VALID",
        "computeResources": resources,
        **fields,
    }


def facts(**known: Any) -> Facts:
    usual: dict[str, Any] = {"queue": ARN, "waited": 60.0, "waiting": 3, "detail": queue(), "environments": None}
    return Facts(**{**usual, **known})


DISABLED = environment("off", state="DISABLED")
INVALID = environment("bad", status="INVALID", statusReason="the role is gone")
SPOT = environment(kind="SPOT", resources={"bidPercentage": 30})
MAX = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - maxvCpus is too small"
NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - for instance type [c5.large]"

CASES: list[tuple[str, Facts, list[str], bool]] = [
    ("gone", facts(detail={}), ["the queue is deleted", "use another"], True),
    ("being deleted", facts(detail=queue(status="DELETING")), ["the queue is deleted"], True),
    (
        "invalid queue",
        facts(detail=queue(status="INVALID", statusReason="no role")),
        ["the queue is INVALID (no role)", "repair"],
        True,
    ),
    ("disabled queue", facts(detail=queue(state="DISABLED")), ["DISABLED", "--job-queue demo --state ENABLED"], True),
    (
        "disabled environment",
        facts(environments=(DISABLED,)),
        ["off is DISABLED", "--compute-environment off --state ENABLED"],
        True,
    ),
    ("invalid environment", facts(environments=(INVALID,)), ["bad is INVALID (the role is gone)", "repair"], True),
    ("both", facts(environments=(INVALID, DISABLED)), ["bad is INVALID", "off is DISABLED", "enable"], True),
    ("no environment left", facts(environments=()), ["its compute environments are deleted"], True),
    ("too large", facts(environments=(environment(),), needs=(Needs(1), Needs(32))), ["32 vCPUs", "ce has 16"], True),
    (
        "too large, and AWS says so too",
        facts(environments=(environment(),), needs=(Needs(32, 64),), said=(MAX,)),
        ["asks for 32 vCPUs, 64 MiB", "raise its maxvCpus"],
        True,
    ),
    ("misconfigured", facts(said=(MAX,), environments=(environment(),)), [MAX, "raise maxvCpus"], True),
    ("the queue may not be looked at", facts(said=(MAX,), detail=None, denied="no"), [MAX, "raise maxvCpus"], True),
    ("unknown code", facts(said=("UNDETERMINED - root cause unknown",)), ["UNDETERMINED", "User Guide"], True),
    ("no capacity", facts(said=(NO_CAPACITY,), environments=(environment(),)), ["CAPACITY", "instance types"], True),
    ("no spot capacity", facts(said=(NO_CAPACITY,), environments=(SPOT,)), ["CAPACITY", "one that is not spot"], True),
    (
        "full",
        facts(environments=(environment(resources={"desiredvCpus": 16}),), running=9),
        ["all 16 vCPUs of its compute environment ce are taken", "raise its maxvCpus"],
        False,
    ),
    (
        "full of others",
        facts(environments=(environment(resources={"desiredvCpus": 16}),), ahead=1),
        ["are taken, and 1 job of others ahead"],
        False,
    ),
    ("others ahead", facts(environments=(environment(),), ahead=40), ["40 jobs of others are ahead", "wait"], False),
    ("starting", facts(environments=(environment(),)), ["instances of ce may be starting", "minutes"], False),
    ("nothing starts", facts(environments=(environment(),), waited=900.0), ["15 minutes", "instance role"], True),
    ("spot", facts(environments=(SPOT,), waited=900.0), ["spot capacity", "bidPercentage (30)"], True),
    (
        "unmanaged",
        facts(environments=({"computeEnvironmentName": "mine", "type": "UNMANAGED", "state": "ENABLED"},)),
        ["mine", "UNMANAGED", "ECS cluster"],
        True,
    ),
    ("nothing may be asked", facts(detail=None, denied="DescribeJobQueues failed: no"), ["not known", "allow"], False),
]


@pytest.mark.parametrize(("known", "words", "wrong"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_cause_and_its_remedy(known: Facts, words: list[str], wrong: bool) -> None:
    found = cause(known)
    assert found is not None
    said = sentence(known, found)
    assert said.startswith("3 jobs wait in the job queue demo: ")
    assert all(word in said for word in words), said
    assert found.wrong == wrong
    assert "\n" not in said
    assert "None" not in said


@pytest.mark.parametrize(
    "known",
    [
        facts(environments=(environment(),), running=1),  # they start, one after the other
        facts(environments=(environment(),), running=1, waited=9000.0),
        facts(environments=(DISABLED, environment()), running=1),  # the next environment takes them
        facts(
            environments=(environment(), environment("large", resources={"maxvCpus": 64})),
            needs=(Needs(32),),
            running=1,
        ),
        facts(environments=(environment(),), running=1, said=("Host EC2 (instance i-1) terminated.",)),
        facts(environments=(environment(),), running=1, said=("DockerTimeoutError: could not start",)),
        facts(detail=None),
    ],
)
def test_nothing_is_said_of_what_is_not_wrong(known: Facts) -> None:
    assert cause(known) is None


def test_one_job() -> None:
    known = facts(waiting=1, detail={})
    found = cause(known)
    assert found is not None
    assert sentence(known, found).startswith("1 job waits in the job queue demo: ")


def test_the_same_cause_with_other_numbers_is_the_same() -> None:
    first, later = cause(facts(environments=(environment(),), ahead=40)), cause(facts(ahead=39, waiting=2))
    assert first is not None
    assert later is not None
    assert first.key == later.key
    assert first != later


def test_an_obstacle_is_what_does_not_pass() -> None:
    assert obstacle(facts(environments=(DISABLED,))) == cause(facts(environments=(DISABLED,)))
    assert obstacle(facts(environments=(environment(),), ahead=40)) is None
