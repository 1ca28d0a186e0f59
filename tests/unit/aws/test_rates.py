"""Rates of calls, against a clock that the test moves."""

from __future__ import annotations

import time
from collections import Counter, deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.rates import RateLimit, quota


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def slots(pace: RateLimit, clock: Clock, count: int) -> list[float]:
    """When the next calls may go out, all asked for now."""
    return [clock.now + pace.reserve() for _ in range(count)]


def calls_within(pace: RateLimit, clock: Clock, seconds: float) -> int:
    """How many calls one caller gets through."""
    end, calls = clock.now + seconds, 0
    while clock.now < end:
        clock.now += pace.reserve()
        calls += clock.now < end
    return calls


def test_calls_are_spaced_evenly_just_under_the_quota(clock: Clock) -> None:
    found = slots(RateLimit(50.0), clock, 101)
    gaps = [later - sooner for sooner, later in pairwise(found)]
    assert found[0] == clock.now
    assert max(gaps) - min(gaps) < 1e-6
    assert 1 / 50 < gaps[0] < 1 / 48


@given(st.floats(1, 100), st.lists(st.floats(0, 1), max_size=60))
def test_no_second_holds_more_calls_than_the_quota(per_second: float, pauses: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(time, "monotonic", clock)
        pace = RateLimit(per_second)
        found = []
        for pause in pauses:
            clock.now += pause
            found.append(clock.now + pace.reserve())
    assert found == sorted(found)
    for start in found:
        assert len([at for at in found if start <= at < start + 1]) <= per_second + 1


def test_time_that_was_not_used_gives_no_burst(clock: Clock) -> None:
    pace = RateLimit(10.0)
    pace.reserve()
    clock.now += 100
    found = slots(pace, clock, 3)
    assert found[0] == clock.now
    assert found[2] - found[0] > 0.2


def test_a_second_of_refusals_halves_the_rate_and_it_comes_back(clock: Clock) -> None:
    pace = RateLimit(50.0)
    full = calls_within(pace, clock, 10)
    for _ in range(49):  # all of the last second
        pace.throttled()
    clock.now += 1.0
    pace.throttled()
    for _ in range(12):  # as many as were under way
        pace.throttled()
    halved = calls_within(pace, clock, 1)
    assert full / 20 * 0.9 <= halved <= full / 20 * 1.2
    clock.now += 60
    assert calls_within(pace, clock, 10) == pytest.approx(full, abs=2)


def test_a_service_that_allows_far_less_is_not_called_much_faster(clock: Clock) -> None:
    """Others share the account: they may leave us little."""
    pace, allowed, answered = RateLimit(50.0), 5, deque[float]()
    calls_by_second: Counter[int] = Counter()
    start = clock.now
    while clock.now < start + 60:
        clock.now += pace.reserve()
        calls_by_second[int(clock.now - start)] += 1
        while answered and answered[0] <= clock.now - 1:
            answered.popleft()
        if len(answered) < allowed:
            answered.append(clock.now)
        else:
            pace.throttled()
    late = [calls_by_second[second] for second in range(20, 60)]
    assert sum(late) / len(late) < 3 * allowed


@pytest.mark.parametrize("allowed", [10.0, 20.0])
def test_what_a_service_allows_is_soon_found_and_used(clock: Clock, allowed: float) -> None:
    """A token bucket that holds what it allows in a second, as those of AWS."""
    pace, tokens, start = RateLimit(25.0), allowed, clock.now
    calls, passed = Counter[bool](), Counter[bool]()  # in the first five seconds, and later
    while clock.now < start + 60:
        before = clock.now
        clock.now += pace.reserve()
        tokens = min(tokens + (clock.now - before) * allowed, allowed)
        late = clock.now >= start + 5
        calls[late] += 1
        if tokens >= 1:
            tokens -= 1
            passed[late] += 1
        else:
            pace.throttled()
    assert passed[False] >= 0.9 * allowed * 5
    assert passed[True] >= 0.9 * allowed * 55
    assert passed[True] >= 0.85 * calls[True]


def test_throttles_never_bring_it_to_a_standstill(clock: Clock) -> None:
    pace = RateLimit(50.0)
    for _ in range(30):
        pace.throttled()
        clock.now += 2.1
    first, second = slots(pace, clock, 2)
    assert second - first <= 2.0


@pytest.mark.parametrize(
    ("operation", "region", "per_second"),
    [
        ("SubmitJob", "us-east-1", 50),
        ("DescribeJobs", "eu-west-3", 50),
        ("GetLogEvents", "us-east-1", 25),
        ("GetLogEvents", "us-west-2", 10),
        ("GetLogEvents", "eu-west-1", 10),
        ("GetLogEvents", "eu-central-1", 10),
        ("GetLogEvents", "eu-west-3", 30),
        ("DeleteLogStream", "us-west-2", 15),
        ("PutObject", "us-east-1", None),
    ],
)
def test_the_quotas_of_aws(operation: str, region: str, per_second: float | None) -> None:
    assert quota(operation, region) == per_second
