"""How many jobs may be sent, and when a run is to halt."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Job
from jobbag.errors import AwsError
from jobbag.events.costs import Costs, Priced
from jobbag.events.events import (
    Absent,
    Event,
    Halted,
    Lost,
    NotSubmitted,
    StateChanged,
    Submitted,
    Submitting,
    Terminated,
    Unsent,
)
from jobbag.events.observation import Observation, now_ms
from jobbag.run import safeguards
from jobbag.run.safeguards import Bound, CostWatch, Safeguards, failures_allowed

from ..builders import ended, job

ERROR = AwsError("SubmitJob", "ClientException", "no such queue")
JOBS = [job(number, f"job{number}") for number in range(1, 13)]
FAILED = ended("FAILED", 1)


def end(one: Job, how: str) -> list[Event]:
    """What is seen of the end of a job that was sent."""
    ends: dict[str, list[Event]] = {
        "succeeded": [StateChanged(one, "id", ended())],
        "failed": [StateChanged(one, "id", FAILED)],
        "refused": [NotSubmitted(one, ERROR)],
        "lost": [Lost(one, "id", ERROR)],
        "stopped": [Terminated(one, "id"), StateChanged(one, "id", FAILED)],
    }
    return ends[how]


def fold(events: Sequence[Event], canary: int | None = None, max_failures: int | None = None) -> Safeguards:
    folded = Safeguards(canary, max_failures)
    for event in events:
        folded(event)
    return folded


def running(since: int) -> Costs:
    """A job that costs 1 a second runs since that time (ms)."""
    costs = Costs(0, lambda _: None)
    costs(Priced(None, "3600", "0"))
    costs(StateChanged(JOBS[0], "id", Observation("RUNNING", started=since, vcpus=1.0)))
    return costs


def test_a_run_is_halted_for_its_cost_as_soon_as_it_is_taken_up() -> None:
    costs = running(now_ms() - 60_000)
    verdict = Safeguards(bound=Bound(costs, Decimal(50))).verdict
    assert verdict is not None
    assert verdict.endswith(", and would soon cost more than the 50.00 of --max-cost")
    assert Safeguards(bound=Bound(costs, Decimal(500))).verdict is None


def test_a_run_is_halted_for_its_cost_as_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safeguards, "LOOK", 0.001)
    began, told = now_ms(), queue.SimpleQueue[Event]()
    with CostWatch(Bound(running(began), Decimal("0.05")), lambda: True, told.put):
        halted = told.get(timeout=10)
    assert isinstance(halted, Halted)
    assert halted.at - began >= 37


def test_what_is_over_is_not_halted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safeguards, "LOOK", 0.001)
    told: list[Event] = []
    asked = threading.Event()

    def goes_on() -> bool:
        asked.set()
        return False

    with CostWatch(Bound(running(0), Decimal(1)), goes_on, told.append):
        assert asked.wait(10)
    assert told == []


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "succeeded", "failed", "refused", "lost", "stopped"]), st.integers(0, 11)),
    max_size=40,
)


@given(st.integers(1, 5), STEPS)
def test_no_more_than_the_canary_is_sent_before_a_success(canary: int, steps: list[tuple[str, int]]) -> None:
    """Whatever the order of events. A job that was stopped before its end has shown nothing, and is sent again."""
    safeguards, events = Safeguards(canary), list[Event]()
    state = dict.fromkeys((one.number for one in JOBS), "ready")
    succeeded = False
    for step, number in steps:
        ready = [one for one in JOBS if state[one.number] in ("ready", "stopped")]
        under_way = [one for one in JOBS if state[one.number] == "sent"]
        new: list[Event] = []
        if step == "send":
            admitted = safeguards.admits(number)
            assert 0 <= admitted <= number
            for one in ready[:admitted]:
                new.append(Submitting(one, "token"))
                state[one.number] = "sent"
        elif under_way:
            one = under_way[number % len(under_way)]
            new += [*([] if step == "refused" else [Submitted(one, "id")]), *end(one, step)]
            state[one.number] = step
            succeeded = succeeded or step == "succeeded"
        for event in new:
            safeguards(event)
        events += new
        shown = [one for one in state.values() if one not in ("ready", "stopped")]
        if succeeded:
            assert (safeguards.admits(number), safeguards.verdict, safeguards.awaits()) == (number, None, None)
        else:
            assert len(shown) <= canary
            assert safeguards.admits(99) == canary - len(shown)
            assert (safeguards.awaits() is not None) == (safeguards.admits(99) == 0)
            assert (safeguards.verdict is not None) == (len(shown) == canary and "sent" not in shown)
        again = fold(events, canary)  # by a start that takes up the run
        assert (again.admits(99), again.verdict) == (safeguards.admits(99), safeguards.verdict)


def test_a_job_whose_input_could_not_be_sent_is_no_canary() -> None:
    safeguards = fold([NotSubmitted(JOBS[0], ERROR), Submitting(JOBS[1], "t")], canary=2)
    assert (safeguards.admits(9), safeguards.verdict) == (1, None)


@pytest.mark.parametrize("unsent", [Unsent(JOBS[0]), Absent((JOBS[0],))])
def test_a_job_that_aws_does_not_have_is_no_canary(unsent: Event) -> None:
    """It is still to be sent, which a canary that counts it would forbid for ever."""
    safeguards = fold([Submitting(JOBS[0], "t"), unsent], canary=1)
    assert (safeguards.admits(9), safeguards.awaits(), safeguards.verdict) == (1, None, None)


def test_a_run_that_has_sent_more_than_its_canary_waits_for_all_of_them() -> None:
    """It is taken up with an option that it had not before."""
    events: list[Event] = [Submitting(one, "t") for one in JOBS[:3]]
    safeguards = fold([*events, *end(JOBS[0], "failed"), *end(JOBS[1], "failed")], canary=2)
    assert (safeguards.admits(9), safeguards.verdict) == (0, None)
    safeguards(StateChanged(JOBS[2], "id", FAILED))
    assert safeguards.verdict == "none of the 3 jobs of --canary succeeded"


ENDS = st.lists(st.sampled_from(["succeeded", "failed", "refused", "lost", "stopped"]), max_size=len(JOBS))


@given(ENDS, st.integers(0, 5))
def test_one_failure_more_than_is_allowed_halts_the_run(ends: list[str], allowed: int) -> None:
    safeguards = Safeguards(max_failures=allowed)
    failures = 0
    for one, how in zip(JOBS, ends, strict=False):
        for event in [Submitting(one, "t"), *end(one, how)]:
            safeguards(event)
        failures += how in ("failed", "refused", "lost")
        assert (safeguards.verdict is not None) == (failures > allowed)
        assert safeguards.admits(7) == 7


def test_a_job_that_is_sent_again_has_not_failed_yet() -> None:
    events = [*end(JOBS[0], "refused"), *end(JOBS[1], "lost")]
    assert fold(events, max_failures=1).verdict == "2 jobs failed, and --max-failures allows 1"
    assert fold([*events, Submitting(JOBS[0], "t")], max_failures=1).verdict is None
    assert fold([*events, *end(JOBS[1], "succeeded")], max_failures=1).verdict is None


@pytest.mark.parametrize(
    ("text", "jobs", "allowed"),
    [("3", 10, 3), ("0", 10, 0), ("10%", 50, 5), ("33%", 10, 3), ("29%", 100, 29), ("0.5%", 1000, 5), ("100%", 7, 7)],
)
def test_how_many_jobs_may_fail(text: str, jobs: int, allowed: int) -> None:
    assert failures_allowed(text, jobs) == allowed
