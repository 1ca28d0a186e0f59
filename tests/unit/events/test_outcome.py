"""What is said of a job, from what is known of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.events.escalation import MACHINE, Sending
from jobbag.events.observation import STATES, Attempt, Observation
from jobbag.events.outcome import Outcome, Verdict

from ..builders import ended

NEVER_STARTED = ended("FAILED", None, started=None)
EARLIER = (Sending(MACHINE, "t", "before", "q", ended("FAILED", None)),)
DEPENDENT = ended("FAILED", None, started=None, status_reason="Dependent Job failed")


def sent(seen: Observation | None = None, **known: Any) -> Outcome:
    """What is known of a job that AWS has."""
    return Outcome(token="t", aws_id="id", observation=seen, **known)


OUTCOMES = st.builds(
    Outcome,
    token=st.none() | st.just("t"),
    aws_id=st.sampled_from(["", "id"]),
    observation=st.none()
    | st.builds(
        Observation,
        st.sampled_from(STATES),
        status_reason=st.none() | st.just("Dependent Job failed"),
        started=st.none() | st.just(1),
        attempts=st.sampled_from([(), (Attempt("s"),)]),
    ),
    error=st.none() | st.just("refused"),
    terminated=st.booleans(),
    stopped=st.booleans(),
    withheld=st.none() | st.just("halted"),
    earlier=st.sampled_from([(), EARLIER]),
)


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (Outcome("t", error="refused", earlier=EARLIER), "failed"),
        (Outcome(withheld="halted", earlier=EARLIER), "failed"),
        (sent(NEVER_STARTED, terminated=True, earlier=EARLIER), "failed"),
        (sent(NEVER_STARTED, terminated=True, stopped=True, earlier=EARLIER), "stopped"),
        (Outcome(earlier=EARLIER), "not run"),
        (sent(Observation("RUNNABLE"), earlier=EARLIER), "not run"),
        (sent(ended(), earlier=EARLIER), "succeeded"),
    ],
)
def test_a_job_that_ran_before_it_was_to_be_sent_again_was_run(known: Outcome, verdict: str) -> None:
    assert known.verdict.value == verdict


@pytest.mark.parametrize(
    ("known", "verdict", "over", "to_repeat"),
    [
        (Outcome(), "not run", False, False),
        (Outcome("t"), "not run", False, False),
        (sent(), "not run", False, False),
        (sent(Observation("RUNNING")), "not run", False, False),
        (sent(ended()), "succeeded", True, False),
        (sent(ended("FAILED", 1)), "failed", True, False),
        (Outcome("t", error="refused"), "not run", True, True),
        (sent(Observation("RUNNING"), error="lost"), "failed", False, False),
        (Outcome(withheld="halted"), "not run", True, False),
        (sent(ended("FAILED", 143), terminated=True), "failed", True, True),
        (sent(ended("FAILED", 143), terminated=True, stopped=True), "stopped", True, True),
        (sent(Observation("RUNNING"), terminated=True, stopped=True), "stopped", False, False),
        (sent(Observation("RUNNABLE"), terminated=True, stopped=True), "not run", False, False),
        (sent(ended(), terminated=True, stopped=True), "succeeded", True, False),
        (sent(NEVER_STARTED, terminated=True, stopped=True), "not run", True, True),
        (sent(NEVER_STARTED, terminated=True), "not run", True, True),
        (sent(NEVER_STARTED), "failed", True, False),
        (sent(DEPENDENT), "not run", True, False),
        (sent(ended(), terminated=True), "succeeded", True, False),
    ],
)
def test_what_becomes_of_a_job(known: Outcome, verdict: str, over: bool, to_repeat: bool) -> None:
    assert (known.verdict.value, known.over, known.to_repeat) == (verdict, over, to_repeat)


@pytest.mark.parametrize("status", STATES)
def test_it_runs_from_the_start_of_its_container_on(status: str) -> None:
    assert sent(Observation(status)).is_running == (status in ("STARTING", "RUNNING"))


@given(OUTCOMES)
def test_what_is_said_fits_together(known: Outcome) -> None:
    assert (known.verdict is Verdict.SUCCEEDED) == known.succeeded
    assert not (known.succeeded and known.to_repeat), "what succeeded never runs again"
    assert not (known.verdict is Verdict.FAILED and known.not_run)
    assert known.over or not known.ended
