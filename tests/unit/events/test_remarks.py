"""What the files of a job say in the place of its log."""

from __future__ import annotations

from typing import Any

import pytest

from jobbag.bag.job import Job
from jobbag.events.events import StateChanged, Submitted
from jobbag.events.remarks import explained_by, why_no_log
from jobbag.events.state import RunState

from ..builders import bag, ended, job

BY_AWS = ended("FAILED", None, status_reason="Dependent Job failed", started=None)


def state_of(*jobs: Job, **ends: Any) -> RunState:
    """A run of jobs that AWS has; those that have ended, by name, with how."""
    state = RunState(bag(*jobs), 0)
    for one in jobs:
        state(Submitted(one, one.name))
    for name, end in ends.items():
        state(StateChanged(next(one for one in jobs if one.name == name), name, end))
    return state


def of_aws(*ids: str, **fields: Any) -> Job:
    return job(4, "it", request={"dependsOn": [{"jobId": one} for one in ids]}, **fields)


@pytest.mark.parametrize(
    ("it", "told"),
    [
        (job(4, "it", depends_on=("a",)), "job a failed, on which it depends"),
        (job(4, "it", depends_on=("a", "good")), "job a failed, on which it depends"),
        (job(4, "it", depends_on=("a", "b")), "one of the jobs a, b failed, on which it depends"),
        (of_aws("id-7"), "job id-7 failed, on which it depends"),
        (of_aws("id-7", depends_on=("good",)), "job id-7 failed, on which it depends"),
        (of_aws("id-7", depends_on=("b",)), "one of the jobs b, id-7 failed, on which it depends"),
        (job(4, "it"), "AWS says that another failed before it"),
    ],
)
def test_a_job_that_was_not_run_names_those_that_may_have_failed(it: Job, told: str) -> None:
    state = state_of(job(1, "a"), job(2, "b"), job(3, "good"), it, good=ended(), it=BY_AWS)
    assert why_no_log(state, it) == f"not run: {told}"


def test_it_is_explained_by_what_has_not_ended_yet_before_it_or_before_that() -> None:
    a, b = job(1, "a"), job(2, "b", depends_on=("a",))
    c = job(3, "c", depends_on=("b",))
    state = state_of(a, b, c, c=BY_AWS)
    assert explained_by(state, c) is b
    state(StateChanged(b, "b", BY_AWS))
    assert (explained_by(state, c), explained_by(state, b)) == (a, a)
    state(StateChanged(a, "a", ended("FAILED", 1)))
    assert (explained_by(state, c), explained_by(state, b), explained_by(state, a)) == (None, None, None)
    assert why_no_log(state, c) == "not run: job a failed, on which it depends"
