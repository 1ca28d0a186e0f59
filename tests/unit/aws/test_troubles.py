"""What is told of calls that have to be repeated."""

from __future__ import annotations

import pytest

from jobbag.aws import troubles
from jobbag.aws.troubles import TOLD_EACH, WORTH_TELLING, Troubles

from ..builders import heard

ERROR = OSError("down")


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(troubles, "time", clock)
    return clock


def tell(told: Troubles, call: str, since: float, attempt: int = 1, operation: str = "SubmitJob") -> None:
    told.tell(call, operation, ERROR, since=since, attempt=attempt, pause=7.0)


def test_the_first_attempts_are_no_warning(clock: Clock) -> None:
    told = Troubles()
    with heard("jobbag.aws") as said:
        for attempt in (1, 2, 3):
            tell(told, "a", clock.now, attempt)
        assert said == []
        tell(told, "a", clock.now, 4)
        tell(told, "b", clock.now - WORTH_TELLING, operation="DescribeJobs")
    assert said == [
        "WARNING SubmitJob: down; attempt 4 failed, next in 7.0 s",
        "WARNING DescribeJobs: down; attempt 1 failed, next in 7.0 s",
    ]


def test_many_calls_of_one_api_are_one_warning_at_a_time(clock: Clock) -> None:
    told = Troubles()
    with heard("jobbag.aws") as said:
        for call in range(64):
            tell(told, f"call {call}", clock.now - 60)
        assert len(said) == 1
        clock.now += TOLD_EACH
        tell(told, "call 1", clock.now - 60)
        assert len(said) == 2


def test_who_watches_is_told_as_long_as_a_call_waits(clock: Clock) -> None:
    told = Troubles()
    tell(told, "a", clock.now)
    assert told.what() is None
    clock.now += WORTH_TELLING
    assert told.what() == "an outage of SubmitJob"
    told.over("another")
    assert told.what() is not None
    told.over("a")
    told.over("a")
    assert told.what() is None
