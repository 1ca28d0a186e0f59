"""Jobs that depend on others of their bag."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.stage import EXISTING, Stage, stage


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with a queue and a definition, and the command before it."""
    with stage(tmp_path) as new:
        new.aws.make_entities()
        yield new


def ran_after(scene: Stage, *names: str) -> str:
    """A command that fails unless these jobs ran before."""
    return " && ".join(["true", *(f"test -s '{scene.ran / name}'" for name in names)])


@pytest.mark.parametrize("packed", ["never", "always"])
def test_a_diamond_runs_in_its_order(ready: Stage, packed: str) -> None:
    """With a middle of more jobs than AWS takes as dependencies of one, in whatever order they stand in the bag."""
    middle = [f"m{number}" for number in range(24)]
    jobs = [
        ready.job("bottom", ran_after(ready, *middle), dependsOn=middle),
        *(ready.job(name, ran_after(ready, "top"), dependsOn=["top"]) for name in middle),
        ready.job("top"),
    ]
    ready.play(0, ready.bag(*jobs), *EXISTING, "-m", "all", "--array", packed)
    names = ["bottom", *middle, "top"]
    assert ready.times() == dict.fromkeys(names, 1)
    ready.assert_merged(names)


def test_what_depends_on_a_failure_is_not_run_and_says_so(ready: Stage) -> None:
    """Jobs that AWS holds already, and those that are not sent yet."""
    many = [f"m{number}" for number in range(22)]
    jobs = [
        ready.job("bad", "(exit 3)", gated=True),
        ready.job("next", dependsOn=["bad"]),
        ready.job("after", dependsOn=[{"jobId": "next"}]),
        *(ready.job(name) for name in many),
        ready.job("last", dependsOn=["after", *many]),
        ready.job("other"),
    ]
    line = [ready.bag(*jobs), *EXISTING]
    ready.start(*line)
    ready.wait_for("bad", "other", *many)
    ready.open_gate()
    said = ready.end(1)
    assert set(ready.times()) == {"bad", "other", *many}
    for name in ("next", "after", "last"):
        assert f"job {name}" in said
        assert "not run" in ready.tool.read(f"{name}.err")
    assert "3 x not run: job bad failed, on which it depends" in said
    assert "23 succeeded, 1 failed, 3 not run" in said


def test_taken_up_after_a_kill_and_retried_after_a_failure(ready: Stage) -> None:
    jobs = [
        ready.job("a", f"test -e '{ready.gate}'"),
        ready.job("b", ran_after(ready, "a"), dependsOn=["a"]),
        ready.job("c", ran_after(ready, "b"), dependsOn=["b"]),
    ]
    line = [ready.bag(*jobs), *EXISTING, "-m", "all"]
    ready.kill_at("SubmitJob", 2, after=True)
    ready.play(-signal.SIGKILL, *line)
    ready.play(1, *line)
    assert ready.times() == {"a": 1}
    ready.open_gate()
    ready.play(0, *line, "--retry-failed")
    assert ready.times() == {"a": 2, "b": 1, "c": 1}
    ready.assert_merged(["a", "b", "c"])


def test_an_order_over_several_files(ready: Stage) -> None:
    first = ready.bag(ready.job("late", ran_after(ready, "early"), dependsOn=["early"]), name="one.in")
    second = ready.bag(ready.job("early"), name="two.in")
    ready.play(0, first, second, *EXISTING)
    assert ready.times() == {"early": 1, "late": 1}
