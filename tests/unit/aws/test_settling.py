"""Refusals that may come from what was made a moment ago."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jobbag.aws import settling
from jobbag.aws.settling import Settling, awaits_role

CLIENT = "ClientException"
ROLE = "User: batch.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def refusal(message: str, code: str = CLIENT) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(answer, "Call")


@pytest.mark.parametrize(
    ("service", "operation", "error", "explained"),
    [
        ("batch", "SubmitJob", refusal("JobQueue q not found."), True),
        ("batch", "SubmitJob", refusal("JobDefinition arn:x is not in ACTIVE status"), True),
        ("batch", "SubmitJob", refusal("JobDefinition name d does not exist or is not in ACTIVE status"), True),
        ("batch", "SubmitJob", refusal("JobQueue q is ENABLED and INVALID"), True),
        ("batch", "CreateJobQueue", refusal("ce must be created and valid before attaching"), True),
        ("batch", "CreateJobQueue", refusal("SchedulingPolicy ARN not found."), False),
        ("batch", "SubmitJob", refusal("Job name should match valid pattern"), False),
        ("batch", "SubmitJob", refusal("Fargate resource requirements (1.00 vCPU, 4000 MiB) not valid."), False),
        ("batch", "DeleteJobQueue", refusal("q does not exist"), False),
        ("batch", "UpdateJobQueue", refusal("q does not exist"), False),
        ("s3", "PutObject", refusal("The specified bucket does not exist", "NoSuchBucket"), True),
        ("s3", "PutObject", refusal("does not exist", "NoSuchKey"), False),
        ("s3", "DeleteObjects", refusal("no", "NoSuchBucket"), False),
        ("logs", "GetLogEvents", refusal("The specified log stream does not exist."), False),
        ("batch", "SubmitJob", ValueError("not found"), False),
    ],
)
def test_what_may_come_from_a_thing_that_is_new(
    service: str, operation: str, error: Exception, explained: bool, clock: list[float]
) -> None:
    new = Settling()
    assert not new.explains(service, operation, error, clock[0]), "nothing was made"
    new.made(service)
    assert new.explains(service, operation, error, clock[0]) is explained
    clock[0] += settling.SETTLING + 1
    assert not new.explains(service, operation, error, clock[0]), "it is not new any more"


def test_a_role_that_somebody_else_has_just_made_is_waited_for_a_moment(clock: list[float]) -> None:
    new, began = Settling(), clock[0]
    assert new.explains("batch", "CreateComputeEnvironment", refusal(ROLE), began)
    clock[0] += settling.ROLE + 1
    assert not new.explains("batch", "CreateComputeEnvironment", refusal(ROLE), began)


@pytest.mark.parametrize("reason", [ROLE, "Could not find IAM role x", "role arn:aws:iam::1:role/r does not exist"])
def test_roles_that_are_not_known(reason: str) -> None:
    assert awaits_role(reason)


@pytest.mark.parametrize("reason", ["Instance role is required.", "bad service role", "internal error", ""])
def test_what_says_nothing_of_a_role_that_is_not_known(reason: str) -> None:
    assert not awaits_role(reason)
