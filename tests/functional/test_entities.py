"""Batch entities: created, looked up and deleted, with all that AWS puts in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobbag import entities
from jobbag.aws import Cloud
from jobbag.entities import Workshop, delete, look_up, look_up_all, look_up_of_jobs
from jobbag.errors import AwsError, CleanupError, InputError
from jobbag.events import Event, Made
from jobbag.specs import DEFINITION, ENVIRONMENT, QUEUE, Existing, Kind, Plan, ToCreate
from unit.builders import bag, job

from .fault_layer import Answer, Faults, Forward, Request

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
FIELD = {ENVIRONMENT: "computeEnvironments", QUEUE: "jobQueues"}

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture(autouse=True)
def _give_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause is made, so what takes longer than this never ends."""
    monkeypatch.setattr(entities, "SETTLE", 15.0)


@pytest.fixture
def workshop(cloud: Cloud) -> Workshop:
    """With all three entities made."""
    made = Workshop(cloud, lambda _: None)
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


def describe(kind: Kind) -> str:
    return f"Describe{kind.create.removeprefix('Create').removeprefix('Register')}s"


def becomes(kind: Kind, **fields: Any) -> Callable[[Any], object]:
    """A change of what Describe says."""
    return lambda content: [one.update(fields) for one in content[FIELD[kind]]]


# -- creating


def test_entities_are_created_in_awss_order_each_waited_for(cloud: Cloud, faults: Faults) -> None:
    for kind in (ENVIRONMENT, QUEUE):
        faults.edit(describe(kind), becomes(kind, status="CREATING"), times=3)  # the first finds nothing there
    ready = Workshop(cloud, lambda _: None).prepare(PLAN, {})
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
    Workshop(cloud, lambda event: notes.append((event, sum(map(faults.count, calls))))).prepare(PLAN, {})
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
    first = Workshop(cloud, notes.append)
    if how == "answer lost":
        faults.lose_answer(kind.create, 1)
    first.prepare(PLAN, {})
    if how == "killed":  # between the call and the note that it was made
        notes = [event for event in notes if not (isinstance(event, Made) and event.kind == kind.arn_type)]
        first = Workshop(cloud, notes.append)
        for event in list(notes):
            first.restore(event)
        first.prepare(PLAN, {})
    assert faults.count(kind.create) == 1
    assert sorted(left(cloud)) == ["ce", "jd:1", "q"]
    first.take_down(cloud)
    assert left(cloud) == []


def test_a_run_that_is_taken_up_makes_nothing_anew(cloud: Cloud, faults: Faults) -> None:
    notes: list[Event] = []
    before = Workshop(cloud, notes.append).prepare(PLAN, {})
    second = Workshop(cloud, lambda _: None)
    for event in notes:
        second.restore(event)
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
    Workshop(cloud, lambda _: None).prepare(plan, look_up_all(cloud, plan))
    (request,) = [one.body for one in faults.requests if one.operation == "CreateJobQueue"]
    assert request["computeEnvironmentOrder"][0]["computeEnvironment"] == made["computeEnvironmentArn"]
    assert request["state"] == "ENABLED"


@pytest.mark.parametrize("kind", [ENVIRONMENT, QUEUE], ids=lambda kind: kind.words)
def test_a_new_entity_that_becomes_invalid_is_told_why(kind: Kind, cloud: Cloud, faults: Faults) -> None:
    faults.edit(describe(kind), becomes(kind, status="INVALID", statusReason="bad service role"))
    workshop = Workshop(cloud, lambda _: None)
    with pytest.raises(AwsError, match=f"{kind.words} {NAMES[kind]}: .*bad service role"):
        workshop.prepare(PLAN, {})
    assert kind in [one.kind for one in workshop.made]  # so that it is deleted again


def test_waiting_for_a_new_entity_has_an_end(cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entities, "SETTLE", 0.1)
    faults.edit(describe(ENVIRONMENT), becomes(ENVIRONMENT, status="CREATING"))
    with pytest.raises(AwsError, match="compute environment ce to be VALID"):
        Workshop(cloud, lambda _: None).prepare(PLAN, {})


def test_pauses_between_two_looks_grow_and_are_bounded(cloud: Cloud, faults: Faults, pauses: list[float]) -> None:
    faults.edit(describe(ENVIRONMENT), becomes(ENVIRONMENT, status="CREATING"), times=21)
    Workshop(cloud, lambda _: None).prepare(PLAN, {})
    waits = [pause for pause in pauses if pause > 0.1]
    assert len(waits) == 20
    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] == entities.LONGEST_PAUSE


def test_a_name_that_is_taken_is_told(cloud: Cloud) -> None:
    cloud.call("batch", "CreateComputeEnvironment", **CE)
    with pytest.raises(AwsError, match=r"compute environment ce of ce\.json: .*exists already"):
        Workshop(cloud, lambda _: None).prepare(PLAN, {})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
def test_a_throttled_creation_makes_one_entity(kind: Kind, cloud: Cloud, faults: Faults) -> None:
    faults.throttle(kind.create, 2)
    Workshop(cloud, lambda _: None).prepare(PLAN, {})
    assert faults.count(kind.create) == 3
    assert sorted(left(cloud)) == ["ce", "jd:1", "q"]


# -- looking up


@pytest.mark.usefixtures("workshop")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
def test_an_existing_entity_is_found_by_name_and_by_arn(kind: Kind, cloud: Cloud) -> None:
    by_name = look_up(cloud, kind, NAMES[kind])
    assert look_up(cloud, kind, by_name.arn).arn == by_name.arn
    assert by_name.detail


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.words)
def test_an_entity_that_does_not_exist_is_told(kind: Kind, cloud: Cloud) -> None:
    with pytest.raises(InputError, match=f"{kind.option}: the {kind.words} nobody does not exist"):
        look_up(cloud, kind, "nobody")


@pytest.mark.usefixtures("workshop")
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
    faults.edit(describe(kind), becomes(kind, **fields))
    with pytest.raises(InputError, match=f"the {kind.words} {NAMES[kind]} {said}"):
        look_up(cloud, kind, NAMES[kind])


@pytest.mark.usefixtures("workshop")
def test_an_entity_in_transition_is_waited_for(cloud: Cloud, faults: Faults) -> None:
    faults.edit(describe(QUEUE), becomes(QUEUE, status="UPDATING"), times=3)
    assert look_up(cloud, QUEUE, "q").name == "q"
    assert faults.count(describe(QUEUE)) >= 4


@pytest.mark.usefixtures("workshop")
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


@pytest.mark.usefixtures("workshop")
def test_the_entities_that_jobs_name_themselves_are_looked_up_once(cloud: Cloud, faults: Faults) -> None:
    fields = ({"jobQueue": "q"}, {"jobQueue": "q"}, {"jobQueue": "gone", "jobDefinition": "jd"}, {"jobQueue": "gone"})
    jobs = [job(number, f"job {number}", request=request) for number, request in enumerate(fields, 1)]
    before = faults.count(describe(QUEUE))
    with pytest.raises(InputError) as caught:
        look_up_of_jobs(cloud, bag(*jobs))
    assert caught.value.lines == ['bag.in: job "job 3": the job queue gone does not exist in us-west-2']
    assert faults.count(describe(QUEUE)) - before == 2


# -- deleting


def test_what_a_run_made_is_deleted_in_awss_order(workshop: Workshop, cloud: Cloud, faults: Faults) -> None:
    before = len(faults.operations("batch"))
    workshop.take_down(cloud)
    changes = [one for one in faults.operations("batch")[before:] if not one.startswith("Describe")]
    assert changes == [
        "UpdateJobQueue",
        "DeleteJobQueue",
        "UpdateComputeEnvironment",
        "DeleteComputeEnvironment",
        "DeregisterJobDefinition",
    ]
    assert left(cloud) == []
    workshop.take_down(cloud)
    assert left(cloud) == []


@pytest.mark.usefixtures("workshop")
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


@pytest.mark.usefixtures("workshop")
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


@pytest.mark.usefixtures("workshop")
def test_each_deletion_is_waited_for(cloud: Cloud, faults: Faults) -> None:
    faults.edit(describe(QUEUE), becomes(QUEUE, status="UPDATING"), times=3)
    seen: list[str] = []

    def look(_: Request, forward: Forward) -> Answer:
        seen.extend(left(cloud))
        return forward()

    faults.on("DeleteComputeEnvironment", look, times=1)
    delete(cloud, [(kind, NAMES[kind]) for kind in reversed(KINDS)])
    assert "ce" in seen
    assert "q" not in seen
    assert left(cloud) == []


@pytest.mark.usefixtures("workshop")
def test_throttled_deletions_go_on(cloud: Cloud, faults: Faults) -> None:
    for operation in ("UpdateJobQueue", "DeleteJobQueue", "DeregisterJobDefinition", "DescribeComputeEnvironments"):
        faults.throttle(operation, 2)
    delete(cloud, [(kind, NAMES[kind]) for kind in KINDS])
    assert left(cloud) == []


@pytest.mark.usefixtures("workshop")
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
