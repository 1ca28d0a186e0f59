"""Waiting for entities has an end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.entities import waiting
from jobbag.entities.creation import EntityCreator
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Kind, Plan, ToCreate
from jobbag.errors import AwsError
from jobbag.events.events import Event

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


@pytest.mark.parametrize("kind", [ENVIRONMENT, QUEUE], ids=lambda kind: kind.words)
def test_a_new_entity_that_becomes_invalid_is_told_why(kind: Kind, cloud: Cloud, faults: Faults) -> None:
    faults.edit(kind.describe, becomes(kind, status="INVALID", statusReason="bad service role"))
    creator = EntityCreator(cloud, lambda _: None)
    with pytest.raises(AwsError, match=f"{kind.words} {NAMES[kind]}: .*bad service role"):
        creator.prepare(PLAN, {})
    assert kind in [one.kind for one in creator.made]  # so that it is deleted again


def test_waiting_for_a_new_entity_has_an_end(cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SETTLE", 0.1)
    faults.edit(ENVIRONMENT.describe, becomes(ENVIRONMENT, status="CREATING"))
    with pytest.raises(AwsError, match="compute environment ce to be VALID"):
        EntityCreator(cloud, lambda _: None).prepare(PLAN, {})


def test_pauses_between_two_looks_grow_and_are_bounded(cloud: Cloud, faults: Faults, pauses: list[float]) -> None:
    faults.edit(ENVIRONMENT.describe, becomes(ENVIRONMENT, status="CREATING"), times=21)
    EntityCreator(cloud, lambda _: None).prepare(PLAN, {})
    waits = [pause for pause in pauses if pause > 0.1]
    assert len(waits) == 20
    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] == waiting.LONGEST_PAUSE


ROLE = "CLIENT_ERROR - User: batch.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: r"


def test_a_new_environment_may_not_be_allowed_its_role_for_a_while(cloud: Cloud, faults: Faults) -> None:
    faults.edit(ENVIRONMENT.describe, becomes(ENVIRONMENT, status="INVALID", statusReason=ROLE), times=4)
    creator = EntityCreator(cloud, lambda _: None)
    assert creator.prepare(PLAN, {}).keys() == NAMES.keys()


def test_an_environment_that_is_never_allowed_its_role_is_told_why(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "NEW", 0.05)
    faults.edit(ENVIRONMENT.describe, becomes(ENVIRONMENT, status="INVALID", statusReason=ROLE))
    with pytest.raises(AwsError, match=r"compute environment ce: .*sts:AssumeRole"):
        EntityCreator(cloud, lambda _: None).prepare(PLAN, {})


def test_an_environment_of_a_killed_start_is_waited_for_too(cloud: Cloud, faults: Faults) -> None:
    noted: list[Event] = []
    EntityCreator(cloud, noted.append).prepare(Plan(None, PLAN.environment, None, None), {})
    faults.edit(ENVIRONMENT.describe, becomes(ENVIRONMENT, status="INVALID", statusReason=ROLE), times=3)
    again = EntityCreator(cloud, lambda _: None)
    for event in noted:
        again.replay(event)
    assert again.prepare(PLAN, {}).keys() == NAMES.keys()
    assert faults.count("CreateComputeEnvironment") == 1


def test_an_environment_that_somebody_deletes_meanwhile_is_told(cloud: Cloud, faults: Faults) -> None:
    faults.edit(ENVIRONMENT.describe, becomes(ENVIRONMENT, status="DELETING"))
    with pytest.raises(AwsError, match=r"compute environment ce: .*somebody else deletes it"):
        EntityCreator(cloud, lambda _: None).prepare(PLAN, {})


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("CreateJobQueue", "arn:ce must be valid before attaching to a queue"),
        ("CreateComputeEnvironment", ROLE),
    ],
)
def test_a_creation_that_comes_too_early_is_tried_again(
    operation: str, message: str, cloud: Cloud, faults: Faults
) -> None:
    faults.fail(operation, 400, "ClientException", message, times=2)
    assert EntityCreator(cloud, lambda _: None).prepare(PLAN, {}).keys() == NAMES.keys()
    assert faults.count(operation) == 3


def test_a_creation_that_is_wrong_is_told_at_once(cloud: Cloud, faults: Faults) -> None:
    faults.fail("CreateJobQueue", 400, "ClientException", "SchedulingPolicy ARN not found.")
    with pytest.raises(AwsError, match="SchedulingPolicy"):
        EntityCreator(cloud, lambda _: None).prepare(PLAN, {})
    assert faults.count("CreateJobQueue") == 1
