"""How long a log is waited for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.logs.delays import (
    FIRST_LOOK,
    FIRST_LOOK_FOR_MARK,
    FIRST_SETTLE,
    LONGEST_SETTLE,
    MARGIN,
    SHORTEST_SETTLE,
    Delays,
)

OLD = FIRST_SETTLE  # s; of a line for which a late one would be there, too
SECONDS = st.floats(0, 100)

# -- when a log is whole


def test_until_something_is_known_the_wait_is_the_first_one() -> None:
    waits = Delays(embedded=False)
    assert waits.settle() == FIRST_SETTLE
    assert waits.first_look(launched=False) == FIRST_LOOK < FIRST_SETTLE


def test_of_young_lines_it_is_known_only_how_late_they_are_at_least() -> None:
    waits = Delays(embedded=False)
    waits.saw(0.0, OLD - 0.1)
    assert waits.settle() == FIRST_SETTLE
    waits.saw(4.0, 4.5)
    assert waits.settle() == 9.0
    waits.saw(0.0, OLD)
    assert waits.settle() == 9.0


def test_a_job_of_five_seconds_with_logs_a_second_late_is_read_once_three_seconds_after_its_end() -> None:
    waits = Delays(embedded=False)
    for written in (1.0, 2.0, 3.0, 4.0):
        waits.saw(1.0, 5.0 - written + waits.first_look(launched=False))
    assert waits.settle(4) == FIRST_LOOK
    assert waits.first_look(launched=False) == FIRST_LOOK


@given(st.lists(st.floats(-5, 500), min_size=1))
def test_the_wait_follows_from_the_worst_delay_within_bounds(seen: list[float]) -> None:
    waits = Delays(embedded=False)
    before = 0.0
    for delay in seen:
        waits.saw(delay, OLD)
        assert SHORTEST_SETTLE <= waits.settle() <= LONGEST_SETTLE
        assert waits.settle() >= before
        before = waits.settle()
    assert waits.settle() > max(seen) or waits.settle() == LONGEST_SETTLE
    assert waits.settle(0) >= waits.settle()
    assert waits.settle(0, missing=True) >= waits.settle(0)


def test_a_log_without_a_line_is_waited_for_longer() -> None:
    waits = Delays(embedded=False)
    waits.saw(0.1, OLD)
    assert waits.settle(5) < waits.settle(0) < waits.settle(0, missing=True)


# -- when an end mark is looked for


def test_an_end_mark_is_looked_for_when_the_latest_one_came() -> None:
    waits = Delays(embedded=False)
    waits.saw(20.0, OLD)
    assert waits.first_look(launched=False) == waits.settle() > SHORTEST_SETTLE
    assert waits.first_look(launched=True) == FIRST_LOOK_FOR_MARK
    for after in (7.0, 0.5, -1.0):
        waits.saw_mark(after)
        assert waits.first_look(launched=True) == max(after, 0.0) + MARGIN


@pytest.mark.parametrize("late", [0.0, 1.0, 2.5])
def test_an_end_mark_is_found_soon_after_it_can_be_read(late: float) -> None:
    """The lines before it tell how late it comes."""
    waits = Delays(embedded=False)
    after = waits.first_look(launched=True)
    while after < late:
        waits.saw(late, after + 1.0)
        after = waits.next_look(after, waits.settle(4), launched=True)
    assert after <= max(late + MARGIN, FIRST_LOOK_FOR_MARK)


@given(SECONDS, SECONDS, SECONDS)
def test_each_look_for_an_end_mark_is_later_and_the_last_one_when_the_log_is_whole_without_it(
    delay: float, after: float, settled: float
) -> None:
    waits = Delays(embedded=False)
    waits.saw(delay, OLD)
    following = waits.next_look(after, settled, launched=True)
    assert following == settled or after < following < settled
    assert waits.next_look(after, settled, launched=False) == settled


def test_the_embedded_aws_is_never_waited_for() -> None:
    waits = Delays(embedded=True)
    waits.saw(100.0, OLD)
    assert [waits.settle(), waits.settle(0), waits.settle(0, missing=True)] == [0.0, 0.0, 0.0]
    assert [waits.first_look(launched=False), waits.first_look(launched=True)] == [0.0, 0.0]
