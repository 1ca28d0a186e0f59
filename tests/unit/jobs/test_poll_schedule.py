"""When jobs are asked for: none is forgotten, none is asked for without end, and an end is seen soon."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobbag.jobs.poll_schedule import LONGEST, NEEDED, REMEMBERED, PollSchedule, Times

TICK, RATE = 0.5, 200.0
SECONDS = st.floats(0, 10_000)


@given(st.lists(SECONDS, min_size=NEEDED, max_size=60), SECONDS)
def test_what_is_foretold_has_happened_before_and_lies_ahead(seen: list[float], lasted: float) -> None:
    times = Times()
    for one in seen:
        times.add(one)
    expected = times.next_after(lasted)
    if expected is None:
        assert max(seen) <= lasted
    else:
        assert expected in seen
        assert expected > lasted
    assert times.next_after(-1) == min(seen)


def test_nothing_is_foretold_from_a_few() -> None:
    times = Times()
    for _ in range(NEEDED - 1):
        times.add(5.0)
    assert times.next_after(0.0) is None


def test_what_is_long_ago_is_forgotten() -> None:
    times = Times()
    for seconds in [1.0] * REMEMBERED + [9.0] * REMEMBERED:
        times.add(seconds)
    assert times.next_after(0.0) == 9.0


class Jobs:
    """Jobs with known times (submitted, started, stopped), looked at as the schedule says."""

    def __init__(self, jobs: list[tuple[float, float, float]]) -> None:
        self.jobs = jobs
        self.schedule = PollSchedule(TICK, RATE)
        self.looks: list[list[float]] = [[] for _ in jobs]

    def run(self, most: int = 100) -> None:
        """Until all have ended."""
        to_come = sorted(range(len(self.jobs)), key=lambda number: self.jobs[number][0], reverse=True)
        now, calls = 0.0, 0
        while to_come or len(self.schedule):
            while to_come and self.jobs[to_come[-1]][0] <= now:
                self.schedule.add(str(to_come.pop()), now)
            pause = self.schedule.pause(now)
            assert to_come or pause is not None, "a job that has not ended is forgotten"
            next_ones = [self.jobs[one][0] for one in to_come[-1:]]
            now = min(next_ones if pause is None else [now + pause, *next_ones])
            taken = self.schedule.take(now, most)
            assert len(taken) <= most
            assert len({*taken}) == len(taken)
            for key in taken:
                self._look(key, now)
            calls += 1
            assert calls < 100_000, "it never ends"

    def _look(self, key: str, now: float) -> None:
        _, started, stopped = self.jobs[int(key)]
        self.looks[int(key)].append(now)
        if now >= stopped:
            self.schedule.ended(key, started, stopped)
        else:
            self.schedule.saw(key, now, started if now >= started else None)

    def lateness(self) -> list[float]:
        """How long after its end each job was seen to have ended (s)."""
        return [looks[-1] - stopped for looks, (_, _, stopped) in zip(self.looks, self.jobs, strict=True)]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 300), st.floats(0, 600)), min_size=1, max_size=30),
    st.integers(1, 100),
)
@example([(0.0, 0.0, 0.0)] * 7 + [(0.0, 0.0, 1.0), (0.0, 0.0, 2.0), (0.0, 0.0, 2.0), (0.0, 1.125, 1.0)], 2)
def test_each_end_is_seen_within_a_bound_and_no_job_is_asked_for_all_the_time(
    times: list[tuple[float, float, float]], most: int
) -> None:
    jobs = Jobs([(at, at + waits, at + waits + lasts) for at, waits, lasts in times])
    jobs.run(most)
    assert max(jobs.lateness()) <= LONGEST + 2 * TICK
    for looks, (submitted, _, stopped) in zip(jobs.looks, jobs.jobs, strict=True):
        assert [look for look in looks[:-1] if look >= stopped] == []
        gaps = [later - sooner for sooner, later in pairwise([submitted, *looks])]
        assert all(0 < gap <= LONGEST + 2 * TICK for gap in gaps)


@pytest.mark.parametrize("waits", [1.0, 100.0])
@pytest.mark.parametrize("lasts", [5.0, 60.0, 600.0])
def test_ends_of_like_jobs_are_seen_soon(lasts: float, waits: float) -> None:
    """The first ones teach it."""
    jobs = Jobs([(at, at + waits, at + waits + lasts) for at in map(float, range(0, 4 * int(lasts + waits), 3))])
    jobs.run()
    late = jobs.lateness()[-len(jobs.jobs) // 2 :]
    assert sorted(late)[len(late) // 2] <= 2.0


def test_a_job_of_which_nothing_is_known_is_looked_at_each_second_however_long_the_answers_take() -> None:
    schedule, now, looks = PollSchedule(TICK, RATE), 0.03, list[float]()
    schedule.add("a", now)
    while now < 9.0:
        now += schedule.pause(now) or 0.0
        assert schedule.take(now, 100) == ["a"]
        looks.append(now)
        now += 0.05
        schedule.saw("a", now, 1.0 if now > 1.0 else None)
    assert [later - sooner for sooner, later in pairwise(looks)] == pytest.approx([1.0] * (len(looks) - 1))


def test_a_job_that_is_given_up_is_asked_for_no_more() -> None:
    schedule = PollSchedule(TICK, RATE)
    schedule.add("a", 0.0)
    schedule.forget("a")
    assert (len(schedule), schedule.take(1e6, 100)) == (0, [])
