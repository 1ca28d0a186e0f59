"""How much memory comes next, on Fargate and on instances."""

from __future__ import annotations

from typing import Any

import pytest

from jobbag.bag.rules import MoreMemory
from jobbag.entities.capacity import Needs
from jobbag.escalation.amounts import NoMore, next_memory, no_way, tries

from ..builders import job

CONTAINER: dict[str, Any] = {"containerProperties": {}}
RULE = MoreMemory()


def environment(*types: str, kind: str = "EC2", **values: Any) -> dict[str, Any]:
    return {"computeResources": {"type": kind, "instanceTypes": list(types)}, **values}


FARGATE = {"computeResources": {"type": "FARGATE", "maxvCpus": 16}}


@pytest.mark.parametrize(
    ("rule", "asked", "environments", "memory"),
    [
        (RULE, Needs(1, 1000), (), 2000),
        (MoreMemory(1.5), Needs(1, 1001), (), 1502),
        (MoreMemory(limit=1500), Needs(1, 1000), (), 1500),
        (RULE, Needs(1, 3000), (FARGATE,), 6144),
        (RULE, Needs(1, 4096), (FARGATE,), 8192),
        (RULE, Needs(1, 7168), (FARGATE,), 8192),
        (MoreMemory(limit=5000), Needs(1, 3072), (FARGATE,), 4096),
        (RULE, Needs(1, 3000), (environment("c5.large", "c5.xlarge"),), 6000),
        (RULE, Needs(1, 5000), (environment("c5.large", "c5.xlarge"),), 7372),
        (RULE, Needs(1, 5000), (environment("c5.large"), environment("r6id.large")), 10000),
        (RULE, Needs(1, 9000), (environment("c5.large", "optimal"),), 18000),
        (RULE, Needs(1, 9000), (environment("c5.large"), environment("c5n.large")), 18000),
        (RULE, Needs(1, 3000), (environment("c5.large"), environment("r5.large", state="DISABLED")), 3686),
    ],
)
def test_the_next_amount_is_one_that_there_is(
    rule: MoreMemory, asked: Needs, environments: tuple[dict[str, Any], ...], memory: int
) -> None:
    assert next_memory(rule, asked, 0, CONTAINER, environments) == memory


@pytest.mark.parametrize(
    ("rule", "asked", "given", "environments", "why"),
    [
        (RULE, Needs(1, 1000), 3, (), "its rule allows 3 times"),
        (RULE, Needs(1), 0, (), "it is not known how much it has asked for"),
        (MoreMemory(limit=1000), Needs(1, 1000), 0, (), "the limit of its rule is 1,000 MiB"),
        (
            RULE, Needs(0.25, 2048), 0, (FARGATE,),
            "Fargate has 2,048 MiB at most with 0.25 vCPUs",
        ),
        (
            RULE, Needs(1, 4000), 0, (environment("c5.large"),),
            "the largest instance type of its compute environment, c5.large, has 3,686 MiB for jobs",
        ),
    ],
)  # fmt: skip
def test_why_there_is_no_more(
    rule: MoreMemory, asked: Needs, given: int, environments: tuple[dict[str, Any], ...], why: str
) -> None:
    with pytest.raises(NoMore) as raised:
        next_memory(rule, asked, given, CONTAINER, environments)
    assert str(raised.value) == why


def test_all_tries() -> None:
    assert list(tries(RULE, Needs(1, 1024), CONTAINER, ())) == [2048, 4096, 8192]
    assert list(tries(RULE, Needs(0.25, 512), CONTAINER, (FARGATE,))) == [1024, 2048]


@pytest.mark.parametrize(
    ("definition", "request_", "why"),
    [
        ({}, {}, None),
        ({"ecsProperties": {"taskProperties": [{"containers": [{}]}]}}, {}, None),
        (
            {"ecsProperties": {"taskProperties": [{"containers": [{}, {}]}]}}, {},
            "the job definition has ecsProperties of several containers, whose memory is not raised",
        ),
        (
            {"ecsProperties": {"taskProperties": [{"containers": [{}]}]}}, {"ecsPropertiesOverride": {}},
            "the job has ecsPropertiesOverride: give its resourceRequirements in containerOverrides instead",
        ),
        (
            {"eksProperties": {"podProperties": {}}}, {},
            "the job definition has eksProperties, whose memory is not raised",
        ),
    ],
)  # fmt: skip
def test_of_which_jobs_memory_is_raised(definition: Any, request_: Any, why: str | None) -> None:
    assert no_way(job(request=request_), definition) == why
