"""What DescribeJobs says of a job."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.events.observation import Attempt, LogPlace
from jobbag.jobs.job_detail import observe


def detail(status: str = "SUCCEEDED", **fields: Any) -> dict[str, Any]:
    return {"jobId": "1", "jobName": "one", "status": status, **fields}


def test_a_job_of_one_container() -> None:
    seen = observe(
        detail(
            "FAILED",
            statusReason="Essential container in task exited",
            createdAt=1,
            startedAt=2,
            stoppedAt=3,
            attempts=[{"container": {"logStreamName": "d/default/1"}}, {"container": {"logStreamName": "d/default/2"}}],
            container={"exitCode": 137, "reason": "OutOfMemoryError", "logStreamName": "d/default/2"},
        )
    )
    assert (seen.status, seen.ended, seen.exit_code) == ("FAILED", True, 137)
    assert (seen.status_reason, seen.container_reason) == ("Essential container in task exited", "OutOfMemoryError")
    assert (seen.created, seen.started, seen.stopped) == (1, 2, 3)
    assert seen.log == LogPlace("d/default/2", "/aws/batch/job", None, "awslogs")
    assert seen.earlier_logs == ((LogPlace("d/default/1"),),)


@pytest.mark.parametrize(
    ("containers", "exit_code", "stream"),
    [
        ([{"name": "a", "exitCode": 0, "logStreamName": "s/a"}], 0, "s/a"),
        ([{"exitCode": 0, "logStreamName": "s/a"}, {"exitCode": 3, "logStreamName": "s/b"}], 3, "s/b"),
        ([{"exitCode": 137, "logStreamName": "s/a"}, {"exitCode": 3, "logStreamName": "s/b"}], 3, "s/b"),
        ([{"exitCode": 137, "reason": "OutOfMemory", "logStreamName": "s/a"}, {"exitCode": 143}], 137, "s/a"),
        ([{"exitCode": 0, "logStreamName": "s/a"}, {"reason": "CannotPull", "logStreamName": "s/b"}], None, "s/b"),
        ([{"essential": False, "name": "a", "exitCode": 3}, {"exitCode": 1, "logStreamName": "s/b"}], 1, "s/b"),
        ([{"logStreamName": "s/a"}, {"exitCode": 0, "logStreamName": "s/b"}], None, "s/a"),
        ([{}], None, None),
        ([], None, None),
    ],
)
@pytest.mark.parametrize("empty", [{"container": {}}, {}])
def test_an_ecs_task_of_several_containers(
    containers: list[dict[str, Any]], exit_code: int | None, stream: str | None, empty: dict[str, Any]
) -> None:
    seen = observe(detail("FAILED", ecsProperties={"taskProperties": [{"containers": containers}]}, **empty))
    assert (seen.exit_code, seen.log.stream) == (exit_code, stream)


def test_the_logs_of_earlier_attempts_of_an_ecs_task() -> None:
    attempts = [{"taskProperties": [{"containers": [{"logStreamName": f"s/{number}"}]}]} for number in (1, 2, 3)]
    task = {"taskProperties": [{"containers": [{"logStreamName": "s/3"}]}]}
    seen = observe(detail("FAILED", ecsProperties=task, attempts=attempts))
    assert [place.stream for place in (*(one for (one,) in seen.earlier_logs), seen.log)] == ["s/1", "s/2", "s/3"]


def test_the_attempts_of_a_job_whose_machine_was_lost() -> None:
    lost = {"startedAt": 2, "stoppedAt": 3, "statusReason": "Host EC2 (instance i-1) terminated."}
    last = {"container": {"exitCode": 1, "reason": "r", "logStreamName": "s"}, "startedAt": 4, "stoppedAt": 9}
    seen = observe(detail("FAILED", startedAt=4, stoppedAt=9, attempts=[lost, {**last, "statusReason": "r"}]))
    assert seen.attempts == (
        Attempt(None, 2, 3, None, "Host EC2 (instance i-1) terminated."),
        Attempt("s", 4, 9, 1, "r"),
    )
    again = observe(detail("RUNNABLE", attempts=[lost], container={"image": "x"}))
    assert len(again.attempts) == 1


def test_a_service_that_lists_no_attempts() -> None:
    container = {"exitCode": 3, "logStreamName": "s"}
    seen = observe(detail("FAILED", statusReason="why", startedAt=4, stoppedAt=9, container=container))
    assert seen.attempts == (Attempt("s", 4, 9, 3, "why"),)
    assert observe(detail("RUNNING", startedAt=4, container=container)).attempts == ()
    assert observe(detail("FAILED", statusReason="cancelled", stoppedAt=9)).attempts == ()


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"container": {"resourceRequirements": [{"type": "VCPU", "value": "0.25"}]}}, (0.25, None)),
        (
            {
                "container": {
                    "vcpus": 4,
                    "memory": 100,
                    "resourceRequirements": [{"type": "GPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
                }
            },
            (4.0, 2048),
        ),
        ({"container": {"vcpus": 2, "memory": 512, "resourceRequirements": []}}, (2.0, 512)),
        ({"container": {"vcpus": 0, "memory": 0}}, (None, None)),  # how the service may say: not given
        ({"container": {"resourceRequirements": [{"type": "VCPU", "value": "much"}]}}, (None, None)),
        (
            {"ecsProperties": {"taskProperties": [{"containers": [{"vcpus": 1, "memory": 5}, {"vcpus": 2}]}]}},
            (3.0, 5),
        ),
        ({}, (None, None)),
    ],
)
def test_what_a_job_asks_for(fields: dict[str, Any], asked: tuple[float | None, int | None]) -> None:
    seen = observe(detail("RUNNABLE", **fields))
    assert (seen.vcpus, seen.memory) == asked


@pytest.mark.parametrize(
    ("container", "place"),
    [
        ({}, LogPlace(None)),
        ({"logStreamName": "s"}, LogPlace("s")),
        ({"logStreamName": "s", "logConfiguration": {"logDriver": "awslogs"}}, LogPlace("s")),
        (
            {
                "logStreamName": "s",
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": "/mine", "awslogs-region": "eu-west-3"},
                },
            },
            LogPlace("s", "/mine", "eu-west-3"),
        ),
        ({"logConfiguration": {"logDriver": "splunk", "options": {}}}, LogPlace(None, driver="splunk")),
        ({"logConfiguration": {"logDriver": "json-file", "options": None}}, LogPlace(None, driver="json-file")),
    ],
)
def test_where_the_log_is(container: dict[str, Any], place: LogPlace) -> None:
    assert observe(detail(container=container)).log == place


def test_a_job_that_has_not_started() -> None:
    seen = observe(detail("RUNNABLE", createdAt=1, startedAt=0, container={"image": "x"}))
    assert (seen.ended, seen.exit_code, seen.started, seen.stopped) == (False, None, None, None)
    assert observe(detail("SUBMITTED")).log == LogPlace(None)


FIELDS: dict[str, Any] = {
    "container": {"exitCode": 1, "reason": "r", "logStreamName": "s", "logConfiguration": {"logDriver": "awslogs"}},
    "ecsProperties": {"taskProperties": [{"containers": [{"exitCode": 1}]}, {}]},
    "attempts": [{}, {"container": {}}, {"taskProperties": [{"containers": [{"logStreamName": "s"}]}]}],
    "createdAt": 1,
    "startedAt": 1,
    "stoppedAt": 1,
    "statusReason": "r",
}


@given(st.sets(st.sampled_from(sorted(FIELDS))), st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED"]))
def test_any_field_may_be_missing(fields: set[str], status: str) -> None:
    seen = observe(detail(status, **{name: FIELDS[name] for name in fields}))
    assert seen.status == status
    assert seen.ended == (status != "RUNNING")


def test_each_container_of_a_task_has_its_log_the_deciding_one_first() -> None:
    def container(name: str, code: int | None, number: int) -> dict[str, Any]:
        return {"name": name, "exitCode": code, "logStreamName": f"{name}/{number}"}

    attempts = [
        {"taskProperties": [{"containers": [container("side", 137, number), container("main", code, number)]}]}
        for number, code in ((1, 3), (2, 0))
    ]
    now = [{**container("side", 137, 2), "essential": False}, container("main", 0, 2)]
    seen = observe(detail(ecsProperties={"taskProperties": [{"containers": now}]}, attempts=attempts))
    assert seen.exit_code == 0
    assert [(place.source, place.stream) for place in seen.logs] == [
        ("container main", "main/2"), ("container side", "side/2"),
    ]  # fmt: skip
    assert [[place.stream for place in places] for places in seen.earlier_logs] == [["main/1", "side/1"]]
    assert [one.exit_code for one in seen.attempts] == [3, 0]


def test_a_pod_has_an_exit_code_and_no_log() -> None:
    def pod(**ended: Any) -> dict[str, Any]:
        return {"eksProperties": {"podProperties": {"containers": [{"name": "c", "image": "x", **ended}]}}}

    attempt = {"containers": [{"name": "c", "exitCode": 4, "reason": "Error"}], "startedAt": 4, "stoppedAt": 9}
    seen = observe(detail("FAILED", **pod(exitCode=4, reason="Error"), eksAttempts=[attempt]))
    assert (seen.exit_code, seen.reason) == (4, None)  # what Kubernetes calls it says nothing
    assert seen.attempts == (Attempt(None, 4, 9, 4, None),)
    assert (seen.log.driver, seen.log.is_readable) == ("EKS", False)
    assert observe(detail("FAILED", **pod(exitCode=137, reason="OOMKilled"))).reason == "OOMKilled"


NODES = {"numNodes": 2, "mainNode": 1, "nodeRangeProperties": [{"targetNodes": "0:", "container": {"vcpus": 2}}]}


def node(index: int, status: str, **container: Any) -> dict[str, Any]:
    place = {"nodeIndex": index, "isMainNode": index == 1}
    attempts = [{"container": {"logStreamName": f"n{index}/1"}}, {"container": dict(container)}]
    return detail(status, nodeDetails=place, container=container, attempts=attempts[-2 if index else -1 :])


def test_the_main_node_decides_and_every_node_has_its_log() -> None:
    attempts = [{"container": {"exitCode": 1, "logStreamName": "n1/1"}}, {"container": {"exitCode": 3}}]
    nodes = [
        node(0, "FAILED", exitCode=137, logStreamName="n0/2"),
        node(1, "FAILED", exitCode=3, logStreamName="n1/2"),
    ]
    seen = observe(detail("FAILED", nodeProperties=NODES, attempts=attempts), nodes)
    assert (seen.exit_code, seen.vcpus) == (3, 4.0)
    assert [(place.source, place.stream) for place in seen.logs] == [("node 1", "n1/2"), ("node 0", "n0/2")]
    assert [[place.stream for place in places] for places in seen.earlier_logs] == [["n1/1", None]]
    assert [one.exit_code for one in seen.attempts] == [1, 3]


def test_what_is_known_of_a_multi_node_job_without_its_nodes() -> None:
    attempts = [{"container": {"exitCode": 3, "logStreamName": "n1"}}]
    seen = observe(detail("FAILED", nodeProperties=NODES, attempts=attempts))
    assert (seen.exit_code, seen.log.stream) == (3, "n1")
    assert observe(detail("RUNNABLE", nodeProperties=NODES)).log == LogPlace(None)


def test_the_containers_of_nodes_have_names() -> None:
    containers = [{"name": "a", "logStreamName": "s/a"}, {"name": "b", "logStreamName": "s/b"}]
    main = detail(
        "RUNNING",
        nodeDetails={"nodeIndex": 1, "isMainNode": True},
        ecsProperties={"taskProperties": [{"containers": containers}]},
    )
    seen = observe(detail("RUNNING", nodeProperties=NODES), [main])
    assert [place.source for place in seen.logs] == ["node 1, container a", "node 1, container b"]
