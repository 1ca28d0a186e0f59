"""How long a log is waited for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobbag.logs.delays import FIRST_SETTLE, LONGEST_SETTLE, SHORTEST_SETTLE, Delays

# -- when a log is whole


def test_until_something_is_known_the_wait_is_the_first_one() -> None:
    assert Delays(embedded=False).settle() == FIRST_SETTLE


@given(st.lists(st.floats(-5, 500), min_size=1))
def test_the_wait_follows_from_the_worst_delay_within_bounds(seen: list[float]) -> None:
    waits = Delays(embedded=False)
    before = 0.0
    for delay in seen:
        waits.saw(delay)
        assert SHORTEST_SETTLE <= waits.settle() <= LONGEST_SETTLE
        assert waits.settle() >= before
        before = waits.settle()
    assert waits.settle() > max(seen) or waits.settle() == LONGEST_SETTLE
    assert waits.settle(0) >= waits.settle()
    assert waits.settle(0, missing=True) >= waits.settle(0)


def test_a_log_without_a_line_is_waited_for_longer() -> None:
    waits = Delays(embedded=False)
    waits.saw(0.1)
    assert waits.settle(5) < waits.settle(0) < waits.settle(0, missing=True)


def test_logs_are_looked_at_earlier_once_one_had_an_end_mark() -> None:
    waits = Delays(embedded=False)
    waits.saw(20.0)
    assert waits.first_look() == waits.settle() > SHORTEST_SETTLE
    waits.saw_mark()
    assert waits.first_look() == SHORTEST_SETTLE


def test_the_embedded_aws_is_never_waited_for() -> None:
    waits = Delays(embedded=True)
    waits.saw(100.0)
    assert [waits.settle(), waits.settle(0), waits.settle(0, missing=True)] == [0.0, 0.0, 0.0]
