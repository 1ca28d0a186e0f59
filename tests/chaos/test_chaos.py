"""A small part of `make chaos`: runs that are killed at random instants, before an AWS that fails at random."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.run import Outcome, Run, Shape, text_of

JOBS = 20
SEEDS = (4, 11)  # entities made and existing, per-job and merged logs, both kinds of buckets, packed and not


def test_the_seeds_are_of_different_kinds() -> None:
    shapes = [Shape(seed, JOBS) for seed in SEEDS]
    for kind in ("makes_entities", "merged", "own_bucket", "packed"):
        assert {getattr(shape, kind) for shape in shapes} == {True, False}, kind


def test_nothing_is_lost_and_nothing_runs_twice(tmp_path: Path) -> None:
    """They mostly wait, so they run side by side."""

    def one(seed: int) -> Outcome:
        place = tmp_path / f"seed-{seed}"
        place.mkdir()
        return Run(place, Shape(seed, JOBS), quick=True).play()

    with ThreadPoolExecutor(len(SEEDS)) as pool:
        outcomes = list(pool.map(one, SEEDS))
    assert [(outcome.shape.seed, outcome.told) for outcome in outcomes] == [(seed, []) for seed in SEEDS]
    assert sum(start.startswith("killed") for outcome in outcomes for start in outcome.starts) >= len(SEEDS)
    assert all(outcome.faults > 0 for outcome in outcomes)


def test_the_checks_have_something_to_check() -> None:
    written = [text_of(f"job-{n:03d}", seed) for seed in SEEDS for n in range(JOBS)]
    assert sum(len(out) for out, _ in written) > 100
    assert sum(len(err) for _, err in written) > 100
