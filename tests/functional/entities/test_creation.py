"""Batch entities: created, looked up and deleted, with all that AWS puts in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobbag.aws import client
from jobbag.aws.client import Cloud
from jobbag.entities import waiting
from jobbag.entities.creation import LOOKS, EntityCreator
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Existing, Kind, Plan, ToCreate
from jobbag.entities.lookup import look_up_all
from jobbag.errors import AwsError
from jobbag.events.events import Event, Made
from unit.builders import heard

from ..fault_layer import Answer, Faults, Forward, Request, error

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

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture(autouse=True)
def _give_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause is made, so what takes longer than this never ends."""
    monkeypatch.setattr(waiting, "SETTLE", 15.0)


def left(cloud: Cloud) -> list[str]:
    """The names of what there is."""
    return [
        *(one["jobQueueName"] for one in cloud.call("batch", "DescribeJobQueues")["jobQueues"]),
        *(
            one["computeEnvironmentName"]
            for one in cloud.call("batch", "DescribeComputeEnvironments")["computeEnvironments"]
        ),
        *(
            f"{one['jobDefinitionName']}:{one['revision']}"
            for one in cloud.call("batch", "DescribeJobDefinitions", status="ACTIVE")["jobDefinitions"]
        ),
    ]


def becomes(kind: Kind, **fields: Any) -> Callable[[Any], object]:
    """A change of what Describe says."""
    return lambda content: [one.update(fields) for one in content[kind.list_field]]


# -- creating


def test_entities_are_created_in_awss_order_each_waited_for(cloud: Cloud, faults: Faults) -> None:
    for kind in (ENVIRONMENT, QUEUE):
        faults.edit(kind.describe, becomes(kind, status="CREATING"), times=3)  # the first finds nothing there
    ready = EntityCreator(cloud, lambda _: None).prepare(PLAN, {})
    assert {kind.words: ready[kind].name for kind in ready} == {
        "compute environment": "ce",
        "job queue": "q",
        "job definition": "jd:1",
    }
    assert all(one.arn.startswith("arn:") for one in ready.values())
    assert faults.operations("batch") == [
        "DescribeComputeEnvironments",  # the name is free
        "CreateComputeEnvironment",
        *["DescribeComputeEnvironments"] * 3,
        "DescribeJobQueues",
        "CreateJobQueue",
        *["DescribeJobQueues"] * 3,
        "DescribeJobDefinitions",
        "RegisterJobDefinition",
    ]


def test_each_creation_is_noted_before_and_after_it(cloud: Cloud, faults: Faults) -> None:
    notes: list[tuple[Event, int]] = []
    calls = ("CreateComputeEnvironment", "CreateJobQueue", "RegisterJobDefinition")
    EntityCreator(cloud, lambda event: notes.append((event, sum(map(faults.count, calls))))).prepare(PLAN, {})
    told = [(type(event).__name__, getattr(event, "name", ""), count) for event, count in notes]
    assert told == [
        ("Making", "ce", 0),
        ("Made", "ce", 1),
        ("Making", "q", 1),
        ("Made", "q", 2),
        ("Making", "jd", 2),
        ("Made", "jd:1", 3),
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
@pytest.mark.parametrize("how", ["answer lost", "killed"])
def test_a_creation_that_got_no_answer_is_found_again(kind: Kind, how: str, cloud: Cloud, faults: Faults) -> None:
    """Nothing is made twice, and nothing is left behind."""
    notes: list[Event] = []
    first = EntityCreator(cloud, notes.append)
    if how == "answer lost":
        faults.lose_answer(kind.create, 1)
    first.prepare(PLAN, {})
    if how == "killed":  # between the call and the note that it was made
        notes = [event for event in notes if not (isinstance(event, Made) and event.kind == kind.arn_type)]
        first = EntityCreator(cloud, notes.append)
        for event in list(notes):
            first.replay(event)
        first.prepare(PLAN, {})
    assert faults.count(kind.create) == 1
    assert sorted(left(cloud)) == ["ce", "jd:1", "q"]
    first.take_down(cloud)
    assert left(cloud) == []


def test_a_run_that_is_taken_up_makes_nothing_anew(cloud: Cloud, faults: Faults) -> None:
    notes: list[Event] = []
    before = EntityCreator(cloud, notes.append).prepare(PLAN, {})
    second = EntityCreator(cloud, lambda _: None)
    for event in notes:
        second.replay(event)
    assert {kind: one.arn for kind, one in second.prepare(PLAN, {}).items()} == {
        kind: one.arn for kind, one in before.items()
    }
    assert [faults.count(kind.create) for kind in KINDS] == [1, 1, 1]
    second.take_down(cloud)
    assert left(cloud) == []


@pytest.mark.parametrize("ref", ["name", "arn"])
def test_a_new_queue_is_put_on_an_existing_compute_environment(ref: str, cloud: Cloud, faults: Faults) -> None:
    made = cloud.call("batch", "CreateComputeEnvironment", **CE)
    value = "ce" if ref == "name" else made["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": value}]
    plan = Plan(
        None, Existing(ENVIRONMENT, value), ToCreate(QUEUE, {**Q, "computeEnvironmentOrder": order}, None), None
    )
    EntityCreator(cloud, lambda _: None).prepare(plan, look_up_all(cloud, plan))
    (request,) = [one.body for one in faults.requests if one.operation == "CreateJobQueue"]
    assert request["computeEnvironmentOrder"][0]["computeEnvironment"] == made["computeEnvironmentArn"]
    assert request["state"] == "ENABLED"


def test_a_name_that_is_taken_is_told(cloud: Cloud) -> None:
    cloud.call("batch", "CreateComputeEnvironment", **CE)
    with pytest.raises(AwsError, match=r"compute environment ce of ce\.json: .*exists already"):
        EntityCreator(cloud, lambda _: None).prepare(PLAN, {})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
def test_a_throttled_creation_makes_one_entity(kind: Kind, cloud: Cloud, faults: Faults) -> None:
    faults.throttle(kind.create, 2)
    EntityCreator(cloud, lambda _: None).prepare(PLAN, {})
    assert faults.count(kind.create) == 3
    assert sorted(left(cloud)) == ["ce", "jd:1", "q"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "not"])
def test_an_outage_of_a_creation_is_waited_out_as_any_other(
    arrived: bool, kind: Kind, cloud: Cloud, faults: Faults
) -> None:
    """It is told, and makes nothing twice."""

    def act(request: Request, forward: Forward) -> Answer:
        if arrived and faults.count(kind.create) == 1:
            forward()
        return error(request.service, 500, "ServerException", "down")

    faults.on(kind.create, act, times=1 if arrived else 8)
    with heard("jobbag.aws") as said:
        EntityCreator(cloud, lambda _: None).prepare(PLAN, {})
    assert sorted(left(cloud)) == ["ce", "jd:1", "q"]
    assert faults.count(kind.create) == (1 if arrived else 9)
    if not arrived:
        assert any(f"{kind.create}: " in line and "attempt 4 failed" in line for line in said)


def test_a_lasting_outage_of_a_creation_is_given_up(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "OUTAGE", 0.1)
    faults.fail("CreateComputeEnvironment", 500, "ServerException", "down")
    creator = EntityCreator(cloud, lambda _: None)
    with pytest.raises(AwsError, match=r"compute environment ce of ce\.json: CreateComputeEnvironment failed: down"):
        creator.prepare(PLAN, {})
    creator.take_down(cloud)
    assert left(cloud) == []


@pytest.mark.parametrize("kind", [ENVIRONMENT, QUEUE], ids=lambda kind: kind.words)
def test_what_is_shown_late_is_ours_all_the_same(kind: Kind, cloud: Cloud, faults: Faults) -> None:
    """The answer is lost, it is not shown for a while, and a second request hears that it exists."""
    faults.lose_answer(kind.create, 1)
    shows_nothing = lambda content: content.update({kind.list_field: []})  # noqa: E731
    faults.edit(kind.describe, shows_nothing, times=1 + len(LOOKS) + 1)
    EntityCreator(cloud, lambda _: None).prepare(PLAN, {})
    assert faults.count(kind.create) == 2
    assert sorted(left(cloud)) == ["ce", "jd:1", "q"]
