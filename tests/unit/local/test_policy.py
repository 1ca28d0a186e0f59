"""When a failed job is tried again, and which rules are refused."""

from __future__ import annotations

from typing import Any

import pytest

from jobbag.local.policy import ClientException, check_retry, is_retried


@pytest.mark.parametrize(
    ("rules", "retried"),
    [
        ([], True),
        ([{"onExitCode": "3", "action": "EXIT"}], False),
        ([{"onExitCode": "3*", "action": "EXIT"}], False),
        ([{"onExitCode": "4", "action": "EXIT"}], True),
        ([{"onExitCode": "4", "action": "EXIT"}, {"onExitCode": "*", "action": "exit"}], False),
        ([{"onExitCode": "*", "action": "Retry"}, {"onExitCode": "3", "action": "EXIT"}], True),
        ([{"onExitCode": "3", "onReason": "Host*", "action": "EXIT"}], True),
        ([{"onExitCode": "3", "onReason": "Out*", "onStatusReason": "Task*", "action": "EXIT"}], False),
        ([{"onStatusReason": "task*", "action": "EXIT"}], True),
    ],
)
def test_the_first_matching_rule_decides(rules: list[dict[str, str]], retried: bool) -> None:
    strategy = {"attempts": 2, "evaluateOnExit": rules}
    assert is_retried(strategy, 1, 3, "OutOfMemoryError: killed", "Task failed") is retried


@pytest.mark.parametrize(("attempts", "retried"), [(1, True), (2, True), (3, False), (4, False)])
def test_attempts_are_limited(attempts: int, retried: bool) -> None:
    assert is_retried({"attempts": 3}, attempts, 1, "", "") is retried


def test_no_strategy_is_one_attempt() -> None:
    assert not is_retried({}, 1, 1, "", "")


@pytest.mark.parametrize(
    "strategy",
    [
        {"attempts": 0},
        {"attempts": 11},
        {"evaluateOnExit": [{"action": "EXIT", "onExitCode": "1"}]},
        {"attempts": 1, "evaluateOnExit": [{"action": "STOP", "onExitCode": "1"}]},
        {"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}]},
        {"attempts": 1, "evaluateOnExit": [{"action": "EXIT", "onReason": "*x"}]},
        {"attempts": 1, "evaluateOnExit": [{"action": "EXIT", "onReason": "x" * 513}]},
        {"attempts": 1, "evaluateOnExit": [{"action": "EXIT", "onExitCode": "1"}] * 6},
    ],
)
def test_bad_strategies_are_refused(strategy: dict[str, Any]) -> None:
    with pytest.raises(ClientException):
        check_retry(strategy)
