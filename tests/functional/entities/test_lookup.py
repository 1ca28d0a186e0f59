"""Existing entities are looked up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.entities import waiting
from jobbag.entities.creation import EntityCreator
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Existing, Kind, Plan, ToCreate
from jobbag.entities.lookup import check_environments, look_up, look_up_all
from jobbag.errors import InputError

from ..fault_layer import Faults

CE: dict[str, Any] = {"computeEnvironmentName": "ce", "type": "UNMANAGED", "serviceRole": "r"}
Q: dict[str, Any] = {
    "jobQueueName": "q",
    "priority": 1,
    "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "ce"}],
}
JD: dict[str, Any] = {
    "jobDefinitionName": "jd",
    "type": "container",
    "containerProperties": {"image": "x", "vcpus": 1, "memory": 64},
}
PLAN = Plan(
    ToCreate(DEFINITION, JD, Path("jd.json")),
    ToCreate(ENVIRONMENT, CE, Path("ce.json")),
    ToCreate(QUEUE, Q, None),
    None,
)
KINDS = [ENVIRONMENT, QUEUE, DEFINITION]
NAMES = {ENVIRONMENT: "ce", QUEUE: "q", DEFINITION: "jd"}

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture(autouse=True)
def _give_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause is made, so what takes longer than this never ends."""
    monkeypatch.setattr(waiting, "SETTLE", 15.0)


@pytest.fixture
def creator(cloud: Cloud) -> EntityCreator:
    """With all three entities made."""
    made = EntityCreator(cloud, lambda _: None)
    made.prepare(PLAN, {})
    return made


def becomes(kind: Kind, **fields: Any) -> Callable[[Any], object]:
    """A change of what Describe says."""
    return lambda content: [one.update(fields) for one in content[kind.list_field]]


# -- looking up


@pytest.mark.usefixtures("creator")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
def test_an_existing_entity_is_found_by_name_and_by_arn(kind: Kind, cloud: Cloud) -> None:
    by_name = look_up(cloud, kind, NAMES[kind])
    assert look_up(cloud, kind, by_name.arn).arn == by_name.arn
    assert by_name.detail


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
def test_an_entity_that_does_not_exist_is_told(kind: Kind, cloud: Cloud) -> None:
    with pytest.raises(InputError, match=f"{kind.option}: the {kind.words} nobody does not exist"):
        look_up(cloud, kind, "nobody")


@pytest.mark.usefixtures("creator")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
def test_with_those_that_do(kind: Kind, cloud: Cloud) -> None:
    with pytest.raises(InputError, match=f"; there are {NAMES[kind]}$"):
        look_up(cloud, kind, "nobody")
    with pytest.raises(InputError, match=rf"; there are {NAMES[kind]}; did you mean {NAMES[kind]}\?$"):
        look_up(cloud, kind, NAMES[kind].upper())


@pytest.mark.usefixtures("creator")
@pytest.mark.parametrize("kind", [ENVIRONMENT, QUEUE], ids=lambda kind: kind.words)
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": "DISABLED"}, "is DISABLED"),
        ({"status": "INVALID", "statusReason": "bad role"}, "is INVALID: bad role"),
        ({"status": "INVALID", "statusReason": None}, "is INVALID"),
        ({"status": "DELETED"}, "does not exist"),
    ],
)
def test_an_entity_that_is_not_fit_is_told_why(
    kind: Kind, fields: dict[str, Any], said: str, cloud: Cloud, faults: Faults
) -> None:
    faults.edit(kind.describe, becomes(kind, **fields))
    with pytest.raises(InputError, match=f"the {kind.words} {NAMES[kind]} {said}"):
        look_up(cloud, kind, NAMES[kind])


@pytest.mark.usefixtures("creator")
def test_an_entity_in_transition_is_waited_for(cloud: Cloud, faults: Faults) -> None:
    faults.edit(QUEUE.describe, becomes(QUEUE, status="UPDATING"), times=3)
    assert look_up(cloud, QUEUE, "q").name == "q"
    assert faults.count(QUEUE.describe) >= 4


@pytest.mark.usefixtures("creator")
def test_revisions_of_a_definition(cloud: Cloud, faults: Faults) -> None:
    for _ in range(2):
        cloud.call("batch", "RegisterJobDefinition", **JD)
    arn = look_up(cloud, DEFINITION, "jd").arn
    assert arn.endswith("jd:3")
    for ref in ("jd:2", arn.replace(":3", ":2")):
        assert look_up(cloud, DEFINITION, ref).arn.endswith("jd:2")
    cloud.call("batch", "DeregisterJobDefinition", jobDefinition="jd:3")
    assert look_up(cloud, DEFINITION, "jd").arn.endswith("jd:2")
    with pytest.raises(InputError, match="no ACTIVE revision"):
        look_up(cloud, DEFINITION, "jd:3")
    # A long list comes in pages, of which one may be empty.
    true_page = cloud.call("batch", "DescribeJobDefinitions", jobDefinitionName="jd", status="ACTIVE")
    faults.edit("DescribeJobDefinitions", lambda content: content.update(jobDefinitions=[], nextToken="0"), times=1)
    assert look_up(cloud, DEFINITION, "jd").arn == true_page["jobDefinitions"][-1]["jobDefinitionArn"]


def test_all_entities_that_are_not_fit_are_told_at_once(cloud: Cloud) -> None:
    plan = Plan(Existing(DEFINITION, "a"), Existing(ENVIRONMENT, "b"), Existing(QUEUE, "c"), None)
    with pytest.raises(InputError) as caught:
        look_up_all(cloud, plan)
    assert [problem.where for problem in caught.value.problems] == [
        "--compute-environment",
        "--job-queue",
        "--job-definition",
    ]


# -- the compute environments of a queue


def queue_on(*refs: str) -> ToCreate:
    order = [{"order": number, "computeEnvironment": ref} for number, ref in enumerate(refs, 1)]
    return ToCreate(QUEUE, {**Q, "jobQueueName": "new", "computeEnvironmentOrder": order}, Path("queue.json"))


@pytest.mark.usefixtures("creator")
def test_a_queue_names_compute_environments_that_there_are(cloud: Cloud) -> None:
    own = ToCreate(ENVIRONMENT, {**CE, "computeEnvironmentName": "own"}, None)
    arn = look_up(cloud, ENVIRONMENT, "ce").arn
    check_environments(cloud, queue_on("ce", "own", arn), own)
    check_environments(cloud, queue_on("ce"), Existing(ENVIRONMENT, "ce"))
    with pytest.raises(InputError) as caught:
        check_environments(cloud, queue_on("no-1", "ce", "no-2"), own)
    assert caught.value.lines == [
        f"queue.json: computeEnvironmentOrder: there is no compute environment {name} in {cloud.region}; there are ce"
        for name in ("no-1", "no-2")
    ]


@pytest.mark.usefixtures("creator")
def test_a_queue_is_of_fargate_or_of_instances(cloud: Cloud) -> None:
    own = ToCreate(ENVIRONMENT, {"computeEnvironmentName": "own", "computeResources": {"type": "FARGATE_SPOT"}}, None)
    check_environments(cloud, queue_on("own"), own)
    with pytest.raises(InputError, match=r"Fargate and of EC2 cannot be in one queue"):
        check_environments(cloud, queue_on("own", "ce"), own)
