"""Entities are deleted in the order that AWS demands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.entities import waiting
from jobbag.entities.creation import EntityCreator
from jobbag.entities.deletion import delete
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Kind, Plan, ToCreate
from jobbag.errors import CleanupError

from ..fault_layer import Answer, Faults, Forward, Request

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


# -- deleting


def test_what_a_run_made_is_deleted_in_awss_order(creator: EntityCreator, cloud: Cloud, faults: Faults) -> None:
    before = len(faults.operations("batch"))
    creator.take_down(cloud)
    changes = [one for one in faults.operations("batch")[before:] if not one.startswith("Describe")]
    assert changes == [
        "UpdateJobQueue",
        "DeleteJobQueue",
        "UpdateComputeEnvironment",
        "DeleteComputeEnvironment",
        "DeregisterJobDefinition",
    ]
    assert left(cloud) == []
    creator.take_down(cloud)
    assert left(cloud) == []


@pytest.mark.usefixtures("creator")
def test_a_definition_without_a_revision_means_all_its_revisions(cloud: Cloud) -> None:
    cloud.call("batch", "RegisterJobDefinition", **JD)
    cloud.call("batch", "RegisterJobDefinition", **{**JD, "jobDefinitionName": "jd2"})
    delete(cloud, [(DEFINITION, "jd:1")])
    assert "jd:2" in left(cloud)
    assert "jd:1" not in left(cloud)
    delete(cloud, [(DEFINITION, "jd")])
    assert [name for name in left(cloud) if name.startswith("jd")] == ["jd2:1"]


def test_deleting_what_is_gone_is_fine(cloud: Cloud) -> None:
    before = left(cloud)
    delete(cloud, [(kind, "nobody") for kind in KINDS])
    assert left(cloud) == before


@pytest.mark.usefixtures("creator")
@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("UpdateJobQueue", "Error executing request, Exception : Cannot update, resource is being modified."),
        ("DeleteJobQueue", "Cannot delete, resource is being modified"),
        ("UpdateComputeEnvironment", "Cannot update, resource is being modified"),
        ("DeleteComputeEnvironment", "Cannot delete, found existing JobQueue relationship"),
    ],
)
def test_a_transition_is_waited_for(operation: str, message: str, cloud: Cloud, faults: Faults) -> None:
    faults.fail(operation, 400, "ClientException", message, times=3)
    delete(cloud, [(kind, NAMES[kind]) for kind in KINDS])
    assert left(cloud) == []
    assert faults.count(operation) == 4


@pytest.mark.usefixtures("creator")
def test_each_deletion_is_waited_for(cloud: Cloud, faults: Faults) -> None:
    faults.edit(QUEUE.describe, becomes(QUEUE, status="UPDATING"), times=3)
    seen: list[str] = []

    def look(_: Request, forward: Forward) -> Answer:
        seen.extend(left(cloud))
        return forward()

    faults.on("DeleteComputeEnvironment", look, times=1)
    delete(cloud, [(kind, NAMES[kind]) for kind in reversed(KINDS)])
    assert "ce" in seen
    assert "q" not in seen
    assert left(cloud) == []


@pytest.mark.usefixtures("creator")
def test_throttled_deletions_go_on(cloud: Cloud, faults: Faults) -> None:
    for operation in ("UpdateJobQueue", "DeleteJobQueue", "DeregisterJobDefinition", "DescribeComputeEnvironments"):
        faults.throttle(operation, 2)
    delete(cloud, [(kind, NAMES[kind]) for kind in KINDS])
    assert left(cloud) == []


@pytest.mark.usefixtures("creator")
def test_one_failure_does_not_stop_the_rest(cloud: Cloud, faults: Faults) -> None:
    faults.fail("UpdateJobQueue", 400, "AccessDeniedException", "not for you")
    faults.fail("DeleteComputeEnvironment", 400, "ClientException", "still in use")
    with pytest.raises(CleanupError) as caught:
        delete(cloud, [(kind, NAMES[kind]) for kind in KINDS])
    queue, environment = caught.value.lines
    assert "job queue q" in queue
    assert "not for you" in queue
    assert "compute environment ce" in environment
    assert "still in use" in environment
    assert left(cloud) == ["q", "ce"]


ROLE = "CLIENT_ERROR - User: batch.amazonaws.com is not authorized to perform: sts:AssumeRole"


def turns_invalid(faults: Faults, kind: Kind) -> None:
    """It is DELETING when AWS was asked to delete it, and INVALID at the look after that."""
    deleted: list[None] = []

    def delete_it(_: Request, __: Forward) -> Answer:
        deleted.append(None)
        return Answer.of({})

    def change(content: Any) -> None:
        if deleted:
            status = {"status": "DELETING"} if len(deleted) == 1 else {"status": "INVALID", "statusReason": ROLE}
            deleted.append(None)
            for one in content[kind.list_field]:
                one.update(status)

    faults.on(kind.delete, delete_it)
    faults.edit(kind.describe, change)


@pytest.mark.parametrize("kind", [ENVIRONMENT, QUEUE], ids=lambda kind: kind.words)
def test_what_turns_invalid_while_it_is_deleted_is_told_at_once(
    kind: Kind, cloud: Cloud, creator: EntityCreator, faults: Faults
) -> None:
    del creator
    delete(cloud, [(QUEUE, "q")] if kind is ENVIRONMENT else [])
    turns_invalid(faults, kind)
    with pytest.raises(CleanupError) as caught:
        delete(cloud, [(kind, NAMES[kind])])
    (line,) = caught.value.lines
    assert line.startswith(f"the {kind.words} {NAMES[kind]} could not be deleted: ")
    assert f"it is INVALID, and so stays: {ROLE}; mend that, and delete it again" in line


def test_what_was_invalid_before_is_deleted_all_the_same(cloud: Cloud, creator: EntityCreator, faults: Faults) -> None:
    del creator

    def change(content: Any) -> None:
        for one in content[ENVIRONMENT.list_field]:
            one.update(status="INVALID", statusReason=ROLE)

    faults.edit(ENVIRONMENT.describe, change)
    delete(cloud, [(QUEUE, "q"), (ENVIRONMENT, "ce")])
    assert left(cloud) == ["jd:1"]


def test_an_environment_that_another_queue_uses_is_told_at_once(
    cloud: Cloud, creator: EntityCreator, faults: Faults
) -> None:
    del creator
    faults.fail(ENVIRONMENT.delete, 400, "ClientException", "Cannot delete, found existing JobQueue relationship")
    with pytest.raises(CleanupError) as caught:
        delete(cloud, [(ENVIRONMENT, "ce")])
    assert "the job queue q uses it; delete that before" in str(caught.value)
    assert faults.count(ENVIRONMENT.delete) == 1


def test_a_queue_that_is_gone_may_be_attached_for_a_while(cloud: Cloud, creator: EntityCreator, faults: Faults) -> None:
    del creator
    faults.fail(
        ENVIRONMENT.delete, 400, "ClientException", "Cannot delete, found existing JobQueue relationship", times=3
    )
    delete(cloud, [(QUEUE, "q"), (ENVIRONMENT, "ce")])
    assert left(cloud) == ["jd:1"]
