"""A small part of `make chaos`: runs that are cut short at random instants, or at one of their calls."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chaos.answers import ODD, AnswersRun
from chaos.odd_answers import KINDS
from chaos.points import MODES, Point, PointRun
from chaos.run import Outcome, Run
from chaos.shape import Shape
from functional.fault_layer import Answer

JOBS = 10
SEEDS = (4, 11)  # entities made and existing, per-job and merged logs, both kinds of buckets, packed and not


def test_the_seeds_are_of_different_kinds() -> None:
    shapes = [Shape.drawn(seed, JOBS) for seed in SEEDS]
    for kind in ("makes_entities", "merged", "own_bucket", "packed"):
        assert {getattr(shape, kind) for shape in shapes} == {True, False}, kind


def test_nothing_is_lost_and_nothing_runs_twice(tmp_path: Path) -> None:
    """They mostly wait, so they run side by side."""

    def one(seed: int) -> Outcome:
        place = tmp_path / f"seed-{seed}"
        place.mkdir()
        return Run(place, Shape.drawn(seed, JOBS), hurry=0.2).play()

    with ThreadPoolExecutor(len(SEEDS)) as pool:
        outcomes = list(pool.map(one, SEEDS))
    assert [(outcome.shape.seed, outcome.told) for outcome in outcomes] == [(seed, []) for seed in SEEDS]
    assert sum(start.startswith("killed") for outcome in outcomes for start in outcome.starts) >= len(SEEDS)
    assert all(outcome.faults > 0 for outcome in outcomes)


def test_the_checks_have_something_to_check() -> None:
    written = [shape.text(name) for shape in (Shape.drawn(seed, JOBS) for seed in SEEDS) for name in shape.names]
    assert sum(len(out) for out, _ in written) > 100
    assert sum(len(err) for _, err in written) > 100


@pytest.mark.parametrize(
    "case", ["plain", "packed", "order", "retry", "created", "fresh-created", "detach", "report", "results"]
)
def test_a_run_is_cut_short_at_a_call(tmp_path: Path, case: str) -> None:
    """Each case with a point of its own, in a mode of its own: among the calls that each run makes."""
    chance = random.Random(case)
    run = PointRun(tmp_path, 0, Point(case, chance.choice(MODES), chance.randint(1, 50)))
    assert run.play().told == []
    assert run.reached


def test_the_calls_of_a_run_are_of_all_kinds(tmp_path: Path) -> None:
    run = PointRun(tmp_path, 0, Point("report", "before", 0))
    assert run.play().told == []
    assert {call.split()[0] for call in run.calls} == {"write", "fsync", "link", "unlink", "replace", "send"}
    named = " ".join(run.calls)
    for file in ("bag.journal", "bag.journal.held", "bag.jobstate.log", "all.out.part", "summary.json.part"):
        assert f"write {file}" in named


@pytest.mark.parametrize("seed", [3, 4])
def test_odd_answers_are_asked_again_or_named(tmp_path: Path, seed: int) -> None:
    outcome = AnswersRun(tmp_path, Shape.drawn(seed, 8), ODD, hurry=0.2).play()
    assert outcome.told == []
    assert outcome.faults > 0


def test_each_odd_answer_is_another_one() -> None:
    true = Answer.of({"jobs": [{"jobId": "a", "isCancelled": False, "createdAt": 1}]})
    bodies = {name: odd(true).body for name, odd in KINDS.items()}
    assert bodies["nulls"] == b'{"jobs": [{"jobId": null, "isCancelled": null, "createdAt": null}]}'
    assert bodies["types"] == b'{"jobs": [{"jobId": 7, "isCancelled": [false], "createdAt": "1"}]}'
    assert len({true.body, *bodies.values()}) >= len(KINDS)
