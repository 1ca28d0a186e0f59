"""What AWS documents beside its model: what a request may not ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.api_rules import rule_problems

from ..builders import JSON_VALUES


def needing(*amounts: tuple[str, str]) -> dict[str, Any]:
    return {"containerOverrides": {"resourceRequirements": [{"type": kind, "value": value} for kind, value in amounts]}}


def told(request: dict[str, Any]) -> list[str]:
    return list(rule_problems(request))


EXIT = {"action": "EXIT"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts: must be 1 to 10, not 11"),
        ({"retryStrategy": {"attempts": 0}}, "retryStrategy.attempts: must be 1 to 10, not 0"),
        ({"retryStrategy": {"evaluateOnExit": [EXIT]}}, "retryStrategy.attempts: must be given with evaluateOnExit"),
        (
            {"retryStrategy": {"attempts": 1, "evaluateOnExit": [EXIT] * 6}},
            "retryStrategy.evaluateOnExit: can have 5 entries at most, not 6",
        ),
        ({"tags": {}}, "tags: must be 1 to 50, not 0"),
        ({"tags": {f"k{number}": "" for number in range(51)}}, "tags: must be 1 to 50, not 51"),
        ({"tags": {"a": "x" * 257}}, "tags: 'a': a key has 1 to 128 characters, and a value 256 at most"),
        ({"tags": {"": "x"}}, "tags: '': a key has 1 to 128 characters, and a value 256 at most"),
        ({"tags": {"AWS:a": "x"}}, "tags: 'AWS:a': keys that begin with aws: are reserved"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "timeout.attemptDurationSeconds: must be 60 or more, not 59"),
        (
            {"shareIdentifier": "a-b"},
            "shareIdentifier: 'a-b' must be 255 letters and digits at most; a '*' may be the last",
        ),
        ({"schedulingPriorityOverride": 10000}, "schedulingPriority: must be 0 to 9999, not 10000"),
        ({"schedulingPriority": -1}, "schedulingPriority: must be 0 to 9999, not -1"),
        (needing(("VCPU", "1"), ("vcpu", "2")), "containerOverrides.resourceRequirements[1]: vcpu is given twice"),
        (
            {"containerProperties": needing(("GPU", "0"))["containerOverrides"]},
            "containerProperties.resourceRequirements[0].value: '0' must be a whole number of GPUs, 1 or more",
        ),
    ],
)
def test_a_problem_names_the_field_and_what_it_must_be(request_: dict[str, Any], said: str) -> None:
    assert told(request_) == [said]


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("VCPU", "two", False),
        ("VCPU", "0", False),
        ("vcpu", "0.0", False),
        ("VCPU", "0.25", True),
        ("VCPU", "16", True),
        ("MEMORY", "2GB", False),
        ("MEMORY", "3", False),
        ("MEMORY", "0.5", False),
        ("MEMORY", "4", True),
        ("memory", "2048", True),
        ("GPU", "0", False),
        ("GPU", "1", True),
        ("TPU", "whatever", True),  # of a newer API
    ],
)
def test_an_amount_is_one_that_aws_can_give(kind: str, value: str, fits: bool) -> None:
    assert (told(needing((kind, value))) == []) == fits


def test_what_breaks_no_rule_is_left_alone() -> None:
    request = {
        "retryStrategy": {"attempts": 10, "evaluateOnExit": [EXIT] * 5},
        "timeout": {"attemptDurationSeconds": 60},
        "tags": {"k" * 128: "v" * 256},
        "shareIdentifier": "team1*",
        "schedulingPriorityOverride": 9999,
        **needing(("VCPU", "0.25"), ("MEMORY", "4"), ("GPU", "1")),
    }
    assert told(request) == []


FIELDS = (
    "retryStrategy", "timeout", "schedulingPriority", "shareIdentifier", "tags", "containerOverrides",
    "containerProperties",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES, max_size=3))
def test_what_is_no_request_at_all_breaks_nothing(request_: dict[str, Any]) -> None:
    """The model of the API tells what is wrong with it."""
    assert all(": " in one for one in told(request_))
