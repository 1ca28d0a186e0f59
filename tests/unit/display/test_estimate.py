"""How long a run will still take: unknown at first, then near the truth, whatever bounds the run."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.display.estimate import TO_SEND, Known, Rate, Speed, remaining
from jobbag.events.events import StateChanged

from ..builders import ended, job

FIRST = 1_000_000  # ms


@dataclass
class Run:
    """A run of jobs of one length, so many of which are sent a second, and so many of which have room at once."""

    jobs: int
    seconds: float
    a_second: float
    room: int
    wait: float = 1.0  # s from submission to start, where there is room

    def __post_init__(self) -> None:
        self.times: list[tuple[float, float, float]] = []  # sent, started, stopped
        free = [0.0] * min(self.room, self.jobs)
        for number in range(self.jobs):
            sent = number / self.a_second
            start = max(sent + self.wait, heapq.heappop(free))
            heapq.heappush(free, start + self.seconds)
            self.times.append((sent, start, start + self.seconds))
        self.end = max(stop for _, _, stop in self.times)

    def left_at(self, now: float) -> float | None:
        """What is estimated `now` seconds after the start."""
        speed = Speed()
        states = dict.fromkeys((TO_SEND, "RUNNABLE", "RUNNING", "SUCCEEDED"), 0)
        for number, (sent, start, stop) in enumerate(self.times):
            state = TO_SEND if now < sent else "RUNNABLE" if now < start else "RUNNING" if now < stop else "SUCCEEDED"
            states[state] += 1
            if state != TO_SEND:
                speed.sent(FIRST + round(sent * 1000))
            created, started, stopped = (FIRST + round(time * 1000) for time in (sent, start, stop))
            if start <= now:
                seen = ended("RUNNING", created=created, started=started)
                speed.saw(StateChanged(job(number), "id", seen, at=started))
            if state == "SUCCEEDED":
                seen = ended(created=created, started=started, stopped=stopped)
                speed.saw(StateChanged(job(number), "id", seen, at=stopped))
        return remaining(speed.known(states, FIRST + round(now * 1000), 0.0))


@pytest.mark.parametrize(
    "run",
    [
        Run(jobs=400, seconds=60, a_second=50, room=1000),  # room for all: the last one ends last
        Run(jobs=1000, seconds=5, a_second=50, room=10_000),  # as fast as jobs can be sent
        Run(jobs=300, seconds=20, a_second=50, room=10),  # in waves
        Run(jobs=300, seconds=2, a_second=50, room=4),
        Run(jobs=8, seconds=3600, a_second=50, room=8),
    ],
    ids=["room", "sending", "waves", "short", "long"],
)
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 0.95])
def test_it_is_unknown_until_a_job_has_ended_and_then_near_the_truth(run: Run, share: float) -> None:
    first_end = min(stop for _, _, stop in run.times)
    assert run.left_at(first_end * 0.9) is None
    now = first_end + 0.01 + share * (run.end - first_end)
    left = run.left_at(now)
    assert left == pytest.approx(run.end - now, rel=0.35, abs=run.seconds + 1.5)


def test_nothing_is_left_of_a_run_whose_jobs_have_ended() -> None:
    assert remaining(Known(ended=5, mean_run=1, longest_run=1)) == 0


def test_a_job_that_runs_longer_than_all_before_it_ends_nobody_knows_when() -> None:
    known = Known(running=1, ended=5, mean_run=10, longest_run=12, span=30)
    assert remaining(replace(known, youngest=4)) == 8
    assert remaining(replace(known, youngest=13)) is None


def test_jobs_are_not_sent_before_their_files_are_there() -> None:
    known = Known(to_send=10, sent_rate=50, ended=5, running=5, mean_run=1, longest_run=1, span=5, upload_left=600)
    assert remaining(known) == pytest.approx(601, abs=1)
    assert remaining(replace(known, upload_left=None)) is None


@given(
    st.builds(
        Known,
        to_send=st.integers(0, 9), waiting=st.integers(0, 9), running=st.integers(0, 9), ended=st.integers(0, 9),
        upload_left=st.none() | st.floats(0, 1e6), sent_rate=st.floats(0, 100), mean_run=st.floats(0, 1e6),
        longest_run=st.floats(0, 1e6), shortest_wait=st.floats(0, 1e6), span=st.floats(0, 1e6),
        youngest=st.floats(0, 1e6),
    )
)  # fmt: skip
def test_it_is_a_time_to_come_or_nothing(known: Known) -> None:
    left = remaining(known)
    assert left is None or left >= 0


def test_a_rate_is_that_of_the_last_while() -> None:
    rate = Rate()
    assert rate.at(FIRST, 0) is None
    assert rate.at(FIRST + 1_000, 500) == 500
    assert rate.at(FIRST + 60_000, 500) == pytest.approx(0)
    assert rate.at(FIRST + 61_000, 1_500) == pytest.approx(1000)
