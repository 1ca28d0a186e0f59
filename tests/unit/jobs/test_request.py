"""The SubmitJob request of a job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.jobs.request import TOKEN_LENGTH, TRANSIENT_RETRY, Target, has_own_retry, request_problems, submit_request
from jobbag.local.policy import is_retried
from jobbag.s3.place import S3Place

from ..builders import TEXT, bag, job

PLACE = S3Place("bucket", "some/dir/", own=False)
TARGET = Target("the-queue", "the-definition")
TOKEN = "x" * TOKEN_LENGTH
OURS = {"PEGASUS_AWS_BATCH_TOKEN": TOKEN}


def request_of(one: Job, *common: str, place: S3Place = PLACE, target: Target = TARGET) -> dict[str, Any]:
    return submit_request(one, bag(one, common=common), place, target, TOKEN)


def environment_of(one: Job, *common: str, **how: Any) -> dict[str, str]:
    listed = request_of(one, *common, **how)["containerOverrides"]["environment"]
    assert all(entry.keys() == {"name", "value"} for entry in listed)
    assert len({entry["name"] for entry in listed}) == len(listed)
    return {entry["name"]: entry["value"] for entry in listed}


def test_the_whole_request() -> None:
    one = job(
        name="find range", executable="launch.sh", arguments=("a", "b c"), environment={"A": "1"}, inputs=("x/y",)
    )
    assert request_of(one, "w.tgz") == {
        "jobName": "find_range-" + request_of(one)["jobName"].rpartition("-")[2],
        "jobQueue": "the-queue",
        "jobDefinition": "the-definition",
        "containerOverrides": {
            "command": ["launch.sh", "a", "b c"],
            "environment": [
                {"name": "A", "value": "1"},
                {"name": "PEGASUS_AWS_BATCH_BUCKET", "value": "s3://bucket/some/dir/"},
                {"name": "PEGASUS_JOB_NAME", "value": "find range"},
                {"name": "PEGASUS_AWS_BATCH_RESULTS", "value": "s3://bucket/some/dir/results/find range/"},
                {"name": "TRANSFER_INPUT_FILES", "value": "y,w.tgz"},
                {"name": "PEGASUS_AWS_BATCH_TOKEN", "value": TOKEN},
            ],
        },
    }


def test_the_jobs_own_fields_win_over_the_defaults() -> None:
    own: dict[str, Any] = {
        "jobQueue": "own-queue",
        "jobDefinition": "own-definition",
        "timeout": {"attemptDurationSeconds": 90},
        "containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "2"}]},
    }
    request = request_of(job(request=own))
    overrides = request.pop("containerOverrides")
    assert overrides["resourceRequirements"] == [{"type": "VCPU", "value": "2"}]
    assert overrides["command"] == ["/bin/true"]
    assert {key: request[key] for key in ("jobQueue", "jobDefinition", "timeout")} == {
        key: own[key] for key in ("jobQueue", "jobDefinition", "timeout")
    }
    assert own["containerOverrides"].keys() == {"resourceRequirements"}


def test_what_the_tool_says_of_places_and_names_wins() -> None:
    """Pegasus starts the tool with such variables of its own, and they may be old."""
    old = dict.fromkeys(("PEGASUS_AWS_BATCH_BUCKET", "PEGASUS_JOB_NAME", *OURS), "old")
    variables = environment_of(job(environment=old), place=S3Place("b", "", own=True))
    where = {"PEGASUS_AWS_BATCH_BUCKET": "s3://b/", "PEGASUS_AWS_BATCH_RESULTS": "s3://b/results/one/"}
    assert variables == {**where, "PEGASUS_JOB_NAME": "one", **OURS}


@pytest.mark.parametrize(
    ("own", "common", "value"),
    [
        ((), (), None),
        (("/d/a", "b"), (), "a,b"),
        ((), ("x/c", "d"), "c,d"),
        (("/d/a", "b"), ("x/c", "b", "y/a"), "a,b,c"),
        (("s3://o/k/a", "a"), ("s3://o/k/a", "b"), "s3://o/k/a,a,b"),
    ],
)
def test_input_files_are_named_own_ones_first(own: tuple[str, ...], common: tuple[str, ...], value: str | None) -> None:
    variables = environment_of(job(inputs=own), *common)
    assert variables.get("TRANSFER_INPUT_FILES") == value


def test_without_a_queue_or_definition_of_ours_the_jobs_own_stay() -> None:
    request = request_of(job(request={"jobQueue": "q", "jobDefinition": "d"}), target=Target(None, None))
    assert (request["jobQueue"], request["jobDefinition"]) == ("q", "d")


@given(TEXT.filter(bool), st.lists(TEXT), st.dictionaries(TEXT, TEXT))
def test_any_job_gives_a_request_that_the_client_takes(
    executable: str, arguments: list[str], environment: dict[str, str]
) -> None:
    from jobbag.bag import api_model

    one = job(executable=executable, arguments=tuple(arguments), environment=environment)
    assert api_model.problems("SubmitJob", request_of(one)) == []


# -- retries


def test_what_is_the_fault_of_the_infrastructure_is_tried_again() -> None:
    from jobbag.bag import api_model

    request = request_of(job(), target=Target("q", "d", TRANSIENT_RETRY))
    assert request["retryStrategy"] == TRANSIENT_RETRY
    assert api_model.problems("SubmitJob", request) == []


EXITED = "Essential container in task exited"


@pytest.mark.parametrize(
    ("exit_code", "reason", "status_reason", "retried"),
    [
        (None, "", "Host EC2 (instance i-1) terminated.", True),
        (137, "", "Your Spot Task was interrupted.", True),
        (None, "CannotPullContainerError: no such host", "Task failed to start", True),
        (None, "DockerTimeoutError: Could not transition to created", "Task failed to start", True),
        (None, "", "ResourceInitializationError: unable to pull secrets", True),
        (None, "", "Timeout waiting for network interface provisioning to complete.", True),
        (None, "AGENT", "", True),
        (None, "CannotInspectContainerError: timed out", EXITED, True),
        (1, "", EXITED, False),
        (137, "OutOfMemoryError: Container killed due to memory usage", EXITED, False),
        (137, "", "OutOfMemoryError: Container killed due to memory usage", False),
        (137, "", "Job attempt duration exceeded timeout", False),
    ],
)
def test_aws_tries_again_what_is_nobodys_fault(
    exit_code: int | None, reason: str, status_reason: str, retried: bool
) -> None:
    """By the rules of AWS, which the embedded AWS knows."""
    assert is_retried(dict(TRANSIENT_RETRY), 1, exit_code, reason, status_reason) is retried
    assert len(TRANSIENT_RETRY["evaluateOnExit"]) <= 5


def test_a_users_own_word_on_retries_counts() -> None:
    target = Target("q", "d", TRANSIENT_RETRY)
    own = {"attempts": 1}
    assert request_of(job(request={"retryStrategy": own}), target=target)["retryStrategy"] == own
    assert "retryStrategy" not in request_of(job(request={"jobDefinition": "mine"}), target=target)
    assert "retryStrategy" not in request_of(job())


@pytest.mark.parametrize(
    ("strategy", "own"),
    [
        (None, False),
        ({}, False),
        ({"attempts": 1}, False),
        ({"attempts": 2}, True),
        ({"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}]}, True),
    ],
)
def test_whether_a_definition_has_a_word_on_retries(strategy: dict[str, Any] | None, own: bool) -> None:
    assert has_own_retry({"retryStrategy": strategy} if strategy is not None else {}) is own


# -- limits


def compact(content: object) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def told(one: Job) -> list[str]:
    return [str(problem) for problem in request_problems(Bag((one,), ()), PLACE)]


@pytest.mark.parametrize("letter", ["x", "é", '"'])
def test_the_overrides_may_have_8192_characters_and_no_more(letter: str) -> None:
    empty = len(compact(request_of(job(environment={"A": ""}))["containerOverrides"]))
    width = len(compact(letter)) - 2
    text = letter * 99 + "." * (8192 - empty - 99 * width)
    fits = job(environment={"A": text})
    assert len(compact(request_of(fits)["containerOverrides"])) == 8192
    assert told(fits) == []
    (found,) = told(job(environment={"A": text + "."}))
    assert 'job "one"' in found
    assert "8193" in found
    assert "8192" in found


def test_the_request_may_have_30_kib_and_no_more() -> None:
    """Measured with the longest queue and definition that there are, as they are not known yet."""

    def with_parameter(text: str) -> Job:
        return job(request={"parameters": {"a": text}, "jobQueue": "q", "jobDefinition": "d"})

    size = len(json.dumps(request_of(with_parameter("")), separators=(",", ":")))
    assert told(with_parameter("x" * (30 * 1024 - size))) == []
    (found,) = told(with_parameter("x" * (30 * 1024 - size + 1)))
    assert "30720" in found
    assert told(with_parameter("é" * ((30 * 1024 - size) // 6))) == []
    assert len(told(with_parameter("é" * ((30 * 1024 - size) // 6 + 1)))) == 1
