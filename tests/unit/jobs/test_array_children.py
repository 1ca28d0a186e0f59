"""Which children of array jobs are asked for, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.jobs.array_children import FEW, LONGEST, SAMPLED, ArrayChildren
from jobbag.jobs.ids import parent_of

FIRST = 1.0
MOST = 100


def detail(size: int, succeeded: int, failed: int = 0) -> dict[str, Any]:
    counts = {"RUNNING": size - succeeded - failed, "SUCCEEDED": succeeded, "FAILED": failed}
    return {"arrayProperties": {"size": size, "statusSummary": counts}}


def watched(size: int, parent: str = "p", known: int = 0) -> ArrayChildren:
    """An array of which so many children are known to have ended."""
    arrays = ArrayChildren(FIRST)
    for index in range(known, size):
        arrays.add(f"{parent}:{index}", 0.0)
    return arrays


def children(indexes: Iterable[int]) -> list[str]:
    return [f"p:{index}" for index in indexes]


def taken(arrays: ArrayChildren) -> list[str]:
    found: list[str] = []
    while batch := arrays.take(MOST):
        assert len(batch) <= MOST
        found += batch
    return found


@pytest.mark.parametrize(("aws_id", "parent"), [("p:0", "p"), ("p", None)])
def test_a_child_is_known_by_its_id(aws_id: str, parent: str | None) -> None:
    assert parent_of(aws_id) == parent


def test_without_arrays_there_is_nothing_to_ask() -> None:
    arrays = ArrayChildren(FIRST)
    assert (arrays.pause(9.0), arrays.look(9.0, MOST), arrays.take(MOST)) == (None, [], [])


def test_no_child_is_asked_for_before_the_array_says_that_one_has_ended() -> None:
    arrays = watched(1000)
    assert arrays.look(2.0, MOST) == ["p"]
    assert arrays.saw("p", detail(1000, 0), 2.0) == ()
    assert taken(arrays) == []


def test_when_all_have_ended_all_are_asked_for_once() -> None:
    arrays = watched(1000)
    assert arrays.saw("p", detail(1000, 990, 10), 2.0) == ()
    assert arrays.saw("p", detail(1000, 990, 10), 3.0) == ()
    assert taken(arrays) == children(range(1000))


def test_when_some_of_many_have_ended_they_are_listed_by_state_and_those_asked_for() -> None:
    arrays = watched(10 * FEW)
    assert arrays.saw("p", detail(10 * FEW, 300, 1), 2.0) == ("SUCCEEDED", "FAILED")
    arrays.want("p", children([7, 8]))
    arrays.want("p", children([8, 9]))
    assert taken(arrays) == children([7, 8, 9])


def test_a_few_that_have_ended_are_not_worth_a_listing_for_a_while() -> None:
    arrays = watched(10 * FEW)
    assert arrays.saw("p", detail(10 * FEW, 300), 20.0) == ("SUCCEEDED",)
    for child in children(range(300)):
        arrays.forget(child)
    assert arrays.saw("p", detail(10 * FEW, 301), 21.0) == ()
    assert arrays.saw("p", detail(10 * FEW, 301), 20.0 + LONGEST) == ("SUCCEEDED",)


def test_those_that_are_to_be_asked_for_already_are_no_news() -> None:
    """The calls that ask for them may take a while, and a listing has all that ever ended."""
    arrays = watched(10 * FEW)
    assert arrays.saw("p", detail(10 * FEW, 300), 2.0) == ("SUCCEEDED",)
    arrays.want("p", children(range(300)))
    assert arrays.saw("p", detail(10 * FEW, 302), 3.0) == ()


def test_to_find_out_who_has_ended_costs_no_more_than_to_ask_for_them() -> None:
    """Jobs that end one after the other, and calls that are made at once."""
    size, listed, asked, ended = 10_000, 0, 0, 0
    arrays = watched(size)
    for now in range(1, 10_001):
        ended = min(ended + 17, size)
        for _ in arrays.saw("p", detail(size, ended), float(now)):
            listed += -(-ended // 1000)
            arrays.want("p", children(range(ended)))
        while batch := arrays.take(MOST):
            asked += 1
            for child in batch:
                if int(child.partition(":")[2]) < ended:
                    arrays.forget(child)
        if arrays.pause(now) is None:
            break
    assert ended == size
    assert listed <= 200  # with every look that finds one it would be a thousand
    assert asked <= 250  # a hundred would do, of those that are known to have ended


def test_the_last_ones_are_asked_for_without_a_listing() -> None:
    arrays = watched(10 * FEW, known=9 * FEW)
    assert arrays.saw("p", detail(10 * FEW, 9 * FEW + 1), 2.0) == ()
    assert taken(arrays) == children(range(9 * FEW, 10 * FEW))


def test_a_child_that_was_not_shown_is_asked_for_again() -> None:
    arrays = watched(2)
    arrays.saw("p", detail(2, 2), 2.0)
    assert taken(arrays) == children([0, 1])
    arrays.forget("p:0")
    arrays.saw("p", detail(2, 2), 3.0)
    assert taken(arrays) == children([1])


def test_the_arrays_are_looked_at_soon_after_news_and_seldom_after_a_long_quiet() -> None:
    arrays = watched(1000)
    times, now = [], 0.0
    for _ in range(200):
        pause = arrays.pause(now)
        assert pause is not None
        now += pause
        assert "p" in arrays.look(now, MOST)
        times.append(now)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[0] == FIRST
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(LONGEST)
    arrays.saw("p", detail(1000, 5), now)
    assert arrays.pause(now) == FIRST


def test_after_a_long_quiet_a_child_is_asked_for_too_to_know_why_it_does_not_start() -> None:
    arrays = watched(1000)
    assert arrays.look(SAMPLED + 1, MOST) == ["p", "p:0"]


def test_a_child_that_is_to_be_asked_for_is_no_sample() -> None:
    arrays = watched(1000)
    arrays.saw("p", detail(1000, 1000), 1.0)
    assert arrays.look(2 * SAMPLED, MOST) == ["p"]


def test_many_arrays_take_turns() -> None:
    arrays = ArrayChildren(FIRST)
    for number in range(250):
        arrays.add(f"p{number}:0", 0.0)
    looks = [arrays.look(float(now), MOST) for now in (10, 20, 30)]
    assert {one for look in looks for one in look} == {f"p{number}" for number in range(250)}


def test_an_array_that_is_not_shown_has_been_missing_since_it_was() -> None:
    arrays = watched(3)
    assert (arrays.missing("p", 10.0), arrays.missing("p", 15.0)) == (0.0, 5.0)
    arrays.saw("p", detail(3, 0), 16.0)
    assert arrays.missing("p", 20.0) == 0.0
    assert arrays.children("p") == children(range(3))


@given(st.integers(2, 400), st.lists(st.integers(0, 400), max_size=30))
def test_each_child_is_asked_for_after_its_end_whatever_the_order(size: int, ends: Sequence[int]) -> None:
    arrays, ended, known, now = watched(size), set[int](), set[int](), 0.0
    for last in [*(end % size for end in ends), None]:
        ended |= set(range(size)) if last is None else {last}
        now += LONGEST
        for _ in arrays.saw("p", detail(size, len(ended)), now):
            arrays.want("p", children(ended))
        for child in taken(arrays):
            index = int(child.partition(":")[2])
            assert index not in known
            if index in ended:
                known.add(index)
                arrays.forget(child)
        assert known == ended
    assert arrays.pause(now) is None
