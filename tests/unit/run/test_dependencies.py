"""Which jobs wait for which others."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.run.dependencies import MOST, Dependencies
from unit.builders import array, job

DAGS = st.lists(st.sets(st.integers(0, 60), max_size=40), min_size=1, max_size=50)


def bag(*needs: set[int]) -> Bag:
    """A bag whose job of each number from 1 depends on the jobs of these numbers."""
    jobs = (
        replace(job(number, f"j{number}"), depends_on=tuple(f"j{one}" for one in sorted(one)))
        for number, one in enumerate(needs, 1)
    )
    return Bag(tuple(jobs), ())


def dag(needs: list[set[int]]) -> Bag:
    """The same, in which each job depends on earlier ones only."""
    return bag(*({one for one in numbers if 0 < one < number} for number, numbers in enumerate(needs, 1)))


def test_a_job_is_sent_after_what_it_depends_on_which_aws_waits_for() -> None:
    one, two = (order_bag := bag(set(), {1})).jobs
    order = Dependencies(order_bag)
    assert order.arrived(two) is False
    assert order.arrived(one) is True
    assert order.submitted(one, "id-1") == [two]
    assert order.targets(two) == ["id-1"]
    assert not order.has_waiting


def test_of_more_than_twenty_enough_have_to_succeed_first() -> None:
    many = bag(*(set() for _ in range(MOST + 2)), set(range(1, MOST + 3)))
    *first, last = many.jobs
    order = Dependencies(many)
    assert order.arrived(last) is False
    for one in first:
        assert order.submitted(one, f"id-{one.number}") == []
    assert order.succeeded(first[0]) == []
    assert order.succeeded(first[5]) == [last]
    assert len(order.targets(last)) == MOST


def test_an_array_counts_as_one_if_all_of_it_is_needed() -> None:
    many = bag(set(), set(), set(), {1, 2, 3}, {1, 2})
    *children, all_three, two = many.jobs
    order = Dependencies(many)
    order.sent_as_array(children)
    assert not order.arrived(all_three)
    assert not order.arrived(two)
    free = [one for index, child in enumerate(children) for one in order.submitted(child, f"a:{index}")]
    assert free == [all_three]
    assert order.targets(all_three) == ["a"]
    assert order.succeeded(children[0]) == []
    assert order.succeeded(children[1]) == [two], "AWS would wait for the third one too"


def test_what_depends_on_a_failure_is_given_up() -> None:
    three = bag(set(), {1}, {2})
    one, two, last = three.jobs
    order = Dependencies(three)
    assert order.arrived(two) is False
    assert order.failed(one) == [two]
    assert order.failed(two) == [last]
    assert order.arrived(last) is False
    assert not order.has_waiting


@given(DAGS, st.randoms(use_true_random=False))
def test_each_job_is_let_go_once_and_never_before_what_it_needs(needs: list[set[int]], chance: random.Random) -> None:
    jobs = dag(needs).jobs
    order = Dependencies(dag(needs))
    by_name = {one.name: one for one in jobs}
    sent: list[Job] = []
    succeeded: set[int] = set()
    todo = chance.sample(jobs, len(jobs))

    def send(free: list[Job]) -> None:
        for one in free:
            wanted = {by_name[name].number for name in one.depends_on} - succeeded
            assert {f"id-{number}" for number in wanted} == set(order.targets(one))
            assert len(wanted) <= MOST
            sent.append(one)

    for one in todo:
        send([one] if order.arrived(one) else [])
    done = 0
    while done < len(sent):
        one = sent[done]
        done += 1
        send(order.submitted(one, f"id-{one.number}"))
        succeeded.add(one.number)
        send(order.succeeded(one))
    assert sorted(one.number for one in sent) == [one.number for one in jobs]


def test_arrays_of_the_users_own_wait_for_each_other() -> None:
    first, second = array(1, "first", 3), array(4, "second", 2, depends_on=("first",))
    order = Dependencies(Bag((*first, *second), ()))
    assert all(map(order.arrived, first))
    assert not any(map(order.arrived, second))
    order.sent_as_array(first)
    assert [order.submitted(one, f"id:{one.number}") for one in first] == [[], [], second]
    assert [order.targets(one) for one in second] == [["id"], ["id"]]


def test_what_depends_on_a_failed_child_is_given_up_with_all_its_siblings() -> None:
    first, second = array(1, "first", 2), array(3, "second", 2, depends_on=("first.1",))
    order = Dependencies(Bag((*first, *second), ()))
    assert not any(map(order.arrived, second))
    assert order.failed(first[0]) == []
    assert order.failed(first[1]) == second


def test_large_arrays_that_depend_on_each_other_cost_as_much_as_their_children() -> None:
    first, second = array(1, "first", 3_000), array(3_001, "second", 3_000, depends_on=("first",))
    order = Dependencies(Bag((*first, *second), ()))
    order.sent_as_array(first)
    for one in second:
        order.arrived(one)
    freed = [one for child in first for one in order.submitted(child, f"id:{child.number}")]
    assert freed == second


def test_what_is_sent_again_in_another_array_is_waited_for_by_itself() -> None:
    many = bag(set(), set(), {1, 2}, set())
    one, two, both, other = many.jobs
    order = Dependencies(many)
    assert not order.arrived(both)
    order.sent_as_array([one, two])
    assert order.submitted(one, "first:0") == []
    order.goes_again(one, "first:0")
    order.sent_as_array([one, other])
    assert order.submitted(one, "second:0") == []
    assert order.submitted(two, "first:1") == []
    assert order.succeeded(one) == [both]
    assert order.targets(both) == ["first"]
