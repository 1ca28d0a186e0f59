"""What jobs asked for against what they used, and what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Job
from jobbag.entities.capacity import Needs, fargate_misfit
from jobbag.events.escalation import Escalated
from jobbag.events.events import LogsWritten, StateChanged, Submitted
from jobbag.events.observation import Peak
from jobbag.events.state import RunState
from jobbag.report import memory

from ..builders import bag, ended, job

MIB = 1 << 20
NOTHING = "not even that"


def run(*jobs: tuple[Job, int | None, dict[str, Any]], whole: bool = True) -> RunState:
    """A run of jobs that used so many MiB; with what else was seen of them."""
    state = RunState(bag(*(one for one, _, _ in jobs)), 0)
    for one, used, seen in jobs:
        status = seen.pop("status", "SUCCEEDED")
        state(Submitted(one, one.name))
        if status == NOTHING:
            continue
        state(StateChanged(one, one.name, ended(status, **{"memory": 8192, "vcpus": 1.0, **seen})))
        peak = Peak(used * MIB, whole) if used is not None else None
        state(LogsWritten(one, Path("out"), Path("err"), 1, peak=peak))
    return state


def alike(*used: int | None, whole: bool = True, **seen: Any) -> RunState:
    return run(*((job(n, f"job{n}"), one, {**seen}) for n, one in enumerate(used, 1)), whole=whole)


def test_what_would_do_for_jobs_that_ask_for_far_too_much() -> None:
    assert memory.wasteful(alike(300, 812, 700)) == [
        {
            "jobs": 3, "all": True, "example": "job1", "executable": "/bin/true", "vcpus": 1.0,
            "asked": 8192, "used": 812, "of": "container", "enough": 1024,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("used", "seen", "enough"),
    [
        (812, {"fargate": True}, 2048),  # the least that Fargate has with a vCPU
        (812, {"fargate": True, "vcpus": 0.25, "memory": 2048}, 1024),
        (812, {"fargate": True, "vcpus": 4.0}, None),  # it has no less with these
        (812, {"fargate": True, "vcpus": 16.0, "memory": 122_880}, 32_768),
        (4000, {}, None),  # 5 GiB are more than half of what it asks for
        (30, {"memory": 512}, None),  # not worth a word
        (3, {}, 128),
        (9000, {}, None),  # more than its container can have: that of another one
    ],
)
def test_what_would_do(used: int, seen: dict[str, Any], enough: int | None) -> None:
    found = memory.wasteful(alike(used, **seen))
    assert [one["enough"] for one in found] == ([] if enough is None else [enough])


@given(
    used=st.lists(st.integers(1, 120_000), min_size=1, max_size=4),
    asked=st.integers(4, 250_000),
    vcpus=st.sampled_from([0.25, 1.0, 2.0, 4.0, 16.0]),
    fargate=st.booleans(),
)
def test_the_advice_works_when_it_is_followed(used: list[int], asked: int, vcpus: float, fargate: bool) -> None:
    for one in memory.wasteful(alike(*used, memory=asked, vcpus=vcpus, fargate=fargate or None)):
        assert max(used) * 1.2 <= one["enough"] <= asked / 2
        assert not fargate or fargate_misfit(Needs(vcpus, one["enough"])) is None


def test_of_the_largest_process_there_may_be_one_for_each_vcpu() -> None:
    (found,) = memory.wasteful(alike(500, whole=False, vcpus=2.0))
    assert (found["used"], found["of"], found["enough"]) == (500, "process", 2048)


@pytest.mark.parametrize(
    ("used", "seen"),
    [
        (None, {}),  # a job of which it is not known
        (8192, {}),
        (None, {"status": "FAILED", "container_reason": "OutOfMemoryError: Container killed due to memory usage"}),
        (100, {"status": "FAILED", "exit_code": 137}),
        (None, {"status": "RUNNING"}),
    ],
)
def test_nothing_is_advised_that_would_not_do_for_another_job_alike(used: int | None, seen: dict[str, Any]) -> None:
    assert memory.wasteful(run((job(1, "one"), 100, {}), (job(2, "two"), used, seen))) == []


def test_nothing_is_advised_for_jobs_of_which_one_was_sent_again_with_more() -> None:
    state = alike(100, 100)
    assert len(memory.wasteful(state)) == 1
    wanting = ended("FAILED", 137, memory=8192, vcpus=1.0)
    enough = ended(memory=16_384, vcpus=1.0)
    state(StateChanged(state.bag.jobs[0], "job1", wanting))
    state(Escalated(state.bag.jobs[0], "job1", "memory", "OutOfMemoryError", memory=16_384))
    state(StateChanged(state.bag.jobs[0], "again", enough))
    assert memory.wasteful(state) == []


def test_what_a_job_used_that_failed_counts_and_the_job_does_not() -> None:
    (found,) = memory.wasteful(run((job(1), 100, {}), (job(2, "two"), 812, {"status": "FAILED", "exit_code": 1})))
    assert (found["jobs"], found["used"], found["all"]) == (1, 812, True)


def test_groups_are_jobs_of_one_program_that_ask_for_the_same() -> None:
    """First those with the most to spare."""
    large = {"memory": 16_384}
    found = memory.wasteful(
        run(
            (job(1, "a", executable="few"), 100, {}),
            (job(2, "b", executable="much"), 100, {**large}),
            (job(3, "c", executable="few"), 100, {**large}),
            (job(4, "d", executable="few"), 9000, {"memory": 9216}),
            (job(5, "e", executable="much"), 100, {**large}),
            (job(6, "f", executable="not run"), None, {"status": NOTHING}),
        )
    )
    assert [(one["executable"], one["asked"], one["jobs"], one["all"]) for one in found] == [
        ("much", 16_384, 2, False), ("few", 16_384, 1, False), ("few", 8192, 1, False),
    ]  # fmt: skip
