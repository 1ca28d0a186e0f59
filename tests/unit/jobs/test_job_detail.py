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
    assert seen.earlier_logs == (LogPlace("d/default/1"),)


@pytest.mark.parametrize(
    ("containers", "exit_code", "stream"),
    [
        ([{"name": "a", "exitCode": 0, "logStreamName": "s/a"}], 0, "s/a"),
        ([{"exitCode": 0, "logStreamName": "s/a"}, {"exitCode": 3, "logStreamName": "s/b"}], 3, "s/b"),
        ([{"logStreamName": "s/a"}, {"exitCode": 0, "logStreamName": "s/b"}], None, "s/a"),
        ([{}], None, None),
        ([], None, None),
    ],
)
@pytest.mark.parametrize("empty", [{"container": {}}, {}])
def test_an_ecs_task_of_several_containers(
    containers: list[dict[str, Any]], exit_code: int | None, stream: str | None, empty: dict[str, Any]
) -> None:
    seen = observe(detail(ecsProperties={"taskProperties": [{"containers": containers}]}, **empty))
    assert (seen.exit_code, seen.log.stream) == (exit_code, stream)


def test_the_logs_of_earlier_attempts_of_an_ecs_task() -> None:
    attempts = [{"taskProperties": [{"containers": [{"logStreamName": f"s/{number}"}]}]} for number in (1, 2, 3)]
    task = {"taskProperties": [{"containers": [{"logStreamName": "s/3"}]}]}
    seen = observe(detail("FAILED", ecsProperties=task, attempts=attempts))
    assert [place.stream for place in (*seen.earlier_logs, seen.log)] == ["s/1", "s/2", "s/3"]


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
