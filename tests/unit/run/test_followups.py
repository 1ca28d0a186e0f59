"""Jobs that are sent again: whatever comes, each runs once with each amount of memory, and what depends on it waits."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag
from jobbag.bag.rules import MoreMemory, OtherQueue
from jobbag.errors import ExitCode
from jobbag.events.escalation import Escalated

from ..builders import bag, job
from .test_pipeline import ENDS, SEEDS, Run
from .world import FIRST_MEMORY, OTHER, Killed, bags

TOO_MUCH = 2**20  # MiB; no rule allows that
MORE, ELSEWHERE = MoreMemory(2, 2), OtherQueue(OTHER, 2)


def run_of(of: Bag, directory: Path, seed: int, **wanted: Any) -> Run:
    """A run in which jobs need any memory, and some lose their machines."""
    run = Run(of, directory, seed, **wanted)
    chance = random.Random(seed)
    run.aws.needs = {one.name: chance.choice([0, 0, 1500, 4096]) for one in of.jobs if one.child is None}
    run.aws.spot = frozenset(name for name in run.aws.needs if chance.random() < 0.3)
    return run


@given(bags(arrays=True, rules=True), SEEDS, st.sampled_from(["never", "always"]), st.sampled_from([None, 1, 3]), ENDS)
def test_each_job_runs_once_with_each_memory_however_often_the_run_is_killed_and_stopped(
    tmp_path_factory: pytest.TempPathFactory,
    of: Bag,
    seed: int,
    array: str,
    canary: int | None,
    ends: list[tuple[int, ExitCode | None]],
) -> None:
    """That AWS has none twice with the same memory in the same queue is looked at when it is sent."""
    run = run_of(of, tmp_path_factory.mktemp("run"), seed, array=array, canary=canary, max_failures="0")
    for after, how in ends:
        with suppress(Killed):
            run.start(after, how)
    run.start()
    state = run.start()
    assert (state.complete, state.exit_code, state.halted) == (True, ExitCode.OK, None)
    assert {name: ends[-1] for name, ends in run.ran().items()} == {one.name: "SUCCEEDED" for one in of.jobs}
    for one in run.aws.jobs.values():
        if one.end is not None and one.end.status == "SUCCEEDED":
            assert one.memory >= run.aws.needs.get(one.job.name, 0)
            assert (one.queue == OTHER) == (one.job.name in run.aws.spot)


def memories(run: Run, name: str) -> list[int]:
    return [one.memory for one in run.aws.jobs.values() if one.job.name == name]


def test_a_job_gets_more_memory_as_often_as_its_rule_allows_and_then_it_has_failed(tmp_path: Path) -> None:
    run = Run(bag(job(1, "j1", on_out_of_memory=MORE), job(2, "j2", depends_on=("j1",))), tmp_path)
    run.aws.needs["j1"] = TOO_MUCH
    state = run.start()
    one, two = run.bag.jobs
    assert memories(run, "j1") == [1024, 2048, 4096]
    assert state.complete
    assert (
        state.of(one).not_escalated
        == "it ran out of memory with 4,096 MiB, and is not sent again with more: its rule allows 2 times"
    )
    assert not state.of(two).succeeded, "it went behind the last try, after which AWS lets it fail"
    assert memories(run, "j2") == [1024]
    assert [sending.seen.memory for sending in state.of(one).earlier] == [1024, 2048]


def test_what_depends_on_a_job_that_may_be_sent_again_waits_for_its_success(tmp_path: Path) -> None:
    jobs = [job(1, "j1", on_out_of_memory=MORE), job(2, "j2", depends_on=("j1",), on_spot_loss=ELSEWHERE)]
    run = Run(bag(*jobs), tmp_path)
    run.aws.needs["j1"], run.aws.spot = 4096, frozenset(["j2"])
    assert run.start().exit_code is ExitCode.OK
    assert [(one.job.name, one.needs, one.queue) for one in run.aws.jobs.values()] == [
        ("j1", [], "q"), ("j1", [], "q"), ("j1", [], "q"), ("j2", ["id-3"], "q"), ("j2", [], "q"),
        ("j2", [], OTHER),
    ]  # fmt: skip


def test_children_of_an_array_go_again_as_one_array(tmp_path: Path) -> None:
    jobs = [job(number, f"j{number}", on_out_of_memory=MORE) for number in range(1, 9)]
    run = Run(bag(*jobs), tmp_path, array="always")
    run.aws.needs = dict.fromkeys([one.name for one in jobs[2:]], 2048)
    assert run.start().exit_code is ExitCode.OK
    assert len(run.aws.by_token) < 7, "two would do, but they may end far from each other"
    assert {one.job.name for one in run.aws.jobs.values() if one.memory == 2048} == set(run.aws.needs)


def test_nothing_is_sent_again_by_a_run_that_is_halted(tmp_path: Path) -> None:
    jobs = [job(1, "j1", on_out_of_memory=MORE), *(job(number, f"j{number}") for number in range(2, 5))]
    run = Run(bag(*jobs), tmp_path, trouble=1.0, max_failures="0")
    run.aws.needs["j1"] = 2048
    run.aws.fails = lambda: False  # type: ignore[method-assign]
    run.aws.needs["j2"] = TOO_MUCH
    state = run.start()
    assert state.halted is not None
    assert state.complete
    assert run.start().complete


@pytest.mark.parametrize("seed", range(8))
def test_a_canary_that_lacks_memory_is_the_canary_again(tmp_path: Path, seed: int) -> None:
    jobs = [job(number, f"j{number}", on_out_of_memory=MORE) for number in range(1, 6)]
    run = Run(bag(*jobs), tmp_path, seed, canary=1)
    run.aws.needs = dict.fromkeys([one.name for one in jobs], 2048)
    told: list[str] = []

    def note(event: object) -> None:
        if isinstance(event, Escalated):
            told.append(event.job.name)

    assert run.start(also=note).exit_code is ExitCode.OK
    first, second, *_ = run.aws.jobs.values()
    assert [(first.job.name, first.memory), (second.job.name, second.memory)] == [("j1", FIRST_MEMORY), ("j1", 2048)]
    assert sorted(told) == [one.name for one in jobs]


@pytest.mark.parametrize("seed", range(4))
def test_what_depends_on_an_array_of_which_a_child_went_again_does_not_wait_for_the_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """For AWS, the array fails with its child, though that succeeds when it is sent again."""
    jobs = [job(1, "j1"), job(2, "j2", on_out_of_memory=MORE), job(3, "j3", depends_on=("j1", "j2"))]
    run = Run(bag(*jobs), tmp_path, seed, array="always")
    run.aws.needs["j2"] = 2048
    can_end = run.aws.can_end

    def j1_ends_last(aws_id: str) -> bool:
        jobs = run.aws.jobs
        has_worked = any(one.job.name == "j2" and one.end and one.memory == 2048 for one in jobs.values())
        return can_end(aws_id) and (jobs[aws_id].job.name != "j1" or has_worked)

    monkeypatch.setattr(run.aws, "can_end", j1_ends_last)
    assert run.start().exit_code is ExitCode.OK
    assert len(run.aws.by_token) == 3
