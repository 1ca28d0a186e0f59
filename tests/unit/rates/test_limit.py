"""Rates of calls, against a clock that the test moves."""

from __future__ import annotations

import heapq
import math
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.rates.clients import Clients
from jobbag.rates.limit import RateLimit, fair_share
from jobbag.rates.quotas import quota

LATENCY = 0.05  # s


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def call(pace: RateLimit, clock: Clock) -> float:
    """Make a call as soon as may be; when that is."""
    pace.wait(clock.pause)
    return clock.now


def slots(pace: RateLimit, clock: Clock, count: int) -> list[float]:
    """When the next calls go out, one behind the other."""
    return [call(pace, clock) for _ in range(count)]


def calls_within(pace: RateLimit, clock: Clock, seconds: float) -> int:
    """How many calls one caller gets through."""
    end, calls = clock.now + seconds, 0
    while clock.now < end:
        calls += call(pace, clock) < end
    return calls


def test_calls_are_spaced_evenly_just_under_the_quota(clock: Clock) -> None:
    start = clock.now
    found = slots(RateLimit(50.0), clock, 101)
    gaps = [later - sooner for sooner, later in pairwise(found)]
    assert found[0] == start
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
            found.append(call(pace, clock))
    assert found == sorted(found)
    for start in found:
        assert len([at for at in found if start <= at < start + 1]) <= per_second + 1


def test_time_that_was_not_used_gives_no_burst(clock: Clock) -> None:
    pace = RateLimit(10.0)
    start = call(pace, clock) + 100
    clock.now = start
    found = slots(pace, clock, 3)
    assert found[0] == start
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
        call(pace, clock)
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
        call(pace, clock)
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


class Account:
    """Clients with several threads each, that call an API of which AWS allows so much; with a clock of its own."""

    def __init__(self, clock: Clock, allowed: float, paces: Sequence[RateLimit]) -> None:
        self.clock, self.allowed, self.tokens, self.filled = clock, allowed, allowed, clock.now
        self.paces = paces
        self.calls, self.passed = Counter[int](), Counter[int]()  # by client

    def run(self, seconds: float, *, threads: int = 4, left: Mapping[int, int] | None = None) -> float:
        """Let all call for so long, or until none has a call left; when the last one was made."""
        start = last = self.clock.now
        to_do = Counter(left or dict.fromkeys(range(len(self.paces)), sys.maxsize))
        due = [(start + 0.1 * client, client, False) for client in to_do for _ in range(threads)]
        heapq.heapify(due)
        while due and due[0][0] < start + seconds:
            self.clock.now, client, taken = heapq.heappop(due)
            if taken:
                last = self.clock.now
                passes = self._call(client)
                to_do[client] -= passes
                pause, taken = (LATENCY if passes else 1.0), False
            elif to_do[client] > 0:
                pause, taken = self.paces[client].reserve()
            else:
                continue
            heapq.heappush(due, (self.clock.now + pause, client, taken))
        return last - start

    def _call(self, client: int) -> bool:
        now = self.clock.now
        self.tokens = min(self.tokens + (now - self.filled) * self.allowed, self.allowed)  # as those of AWS
        self.filled = now
        self.calls[client] += 1
        if self.tokens < 1:
            self.paces[client].throttled()
            return False
        self.tokens -= 1
        self.passed[client] += 1
        return True

    @property
    def refused(self) -> float:
        """The part of all calls that was."""
        return 1 - self.passed.total() / self.calls.total()


def clients_of(directory: Path, count: int, per_second: float) -> list[RateLimit]:
    """The paces of clients that know of each other."""
    return [RateLimit(per_second, partial(Clients(directory).tell, "SubmitJob@x")) for _ in range(count)]


def test_clients_that_know_of_each_other_are_hardly_refused_and_use_all_there_is(clock: Clock, tmp_path: Path) -> None:
    account = Account(clock, 50.0, clients_of(tmp_path / "clients", 8, 50.0))
    account.run(8.0)
    assert account.refused <= 0.02
    assert account.passed.total() >= 0.95 * 8 * 50
    assert max(account.passed.values()) <= 2 * min(account.passed.values())


def test_what_a_client_leaves_is_for_those_that_want_more(clock: Clock, tmp_path: Path) -> None:
    account = Account(clock, 50.0, clients_of(tmp_path / "clients", 4, 50.0))
    seconds = account.run(100.0, threads=8, left={0: 20, 1: 20, 2: 20, 3: 500})
    assert seconds <= 1.2 * 560 / 50
    assert account.refused <= 0.02


def test_what_others_use_of_whom_nothing_is_known_is_found_by_all_together(clock: Clock, tmp_path: Path) -> None:
    account = Account(clock, 10.0, clients_of(tmp_path / "clients", 8, 25.0))
    account.run(30.0)
    assert account.refused <= 0.25
    assert account.passed.total() >= 0.85 * 30 * 10


@pytest.mark.parametrize(
    ("others", "share"),
    [
        ((), 50.0),
        ((math.inf,), 25.0),
        ((math.inf, math.inf, math.inf), 12.5),
        ((10.0,), 40.0),
        ((10.0, math.inf), 20.0),
        ((1.0, 2.0, math.inf, math.inf), 47.0 / 3),
        ((40.0, 40.0), 50.0 / 3),
    ],
)
def test_each_gets_as_much_as_any_other_and_what_those_leave_that_want_less(
    others: tuple[float, ...], share: float
) -> None:
    assert fair_share(50.0, others) == pytest.approx(share)
    assert fair_share(50.0, reversed(others)) == pytest.approx(share)


@given(st.floats(1, 100), st.lists(st.floats(0, 200), max_size=40))
def test_shares_are_never_more_than_there_is(whole: float, wants: list[float]) -> None:
    given = [min(one, fair_share(whole, [*wants[:n], *wants[n + 1 :]])) for n, one in enumerate(wants)]
    assert sum(given) <= whole * (1 + 1e-9)
    assert sum(given) == pytest.approx(min(whole, sum(wants)))


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
