"""The page of a run while it lasts: it comes again and again, and neither delays nor fails the run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from helpers.summaries import in_page
from jobbag.bag.job import Job
from jobbag.commands.ending import Ending
from jobbag.events.events import NotRun, StateChanged, Submitted
from jobbag.events.observation import Observation
from jobbag.events.state import RunState
from jobbag.logs.outputs import JobFiles
from jobbag.report import live, page
from jobbag.report.details import Details
from jobbag.report.summary import Ended, summary
from jobbag.threads import join as threads_join

from ..builders import bag, ended, job, settings

JOBS = [job(number, name) for number, name in enumerate(("done", "runs", "waits", "unsent", "dropped", "starts"), 1)]
DONE, RUNS, WAITS, UNSENT, DROPPED, STARTS = JOBS


def ending(*jobs: Job) -> Ending:
    """A run that goes on."""
    state = RunState(bag(*jobs), 0)
    return Ending(settings(), "run", "eu-west-3", state, Details(state), JobFiles(), None, dict)


def running() -> Ending:
    """A run whose jobs do each something else."""
    run = ending(*JOBS)
    for one, seen in ((DONE, ended()), (RUNS, Observation("RUNNING")), (STARTS, Observation("STARTING"))):
        run.state(Submitted(one, "id"))
        run.state(StateChanged(one, "id", seen))
    run.state(Submitted(WAITS, "id"))
    run.state(NotRun(DROPPED, "enough"))
    return run


def test_what_a_job_does_while_the_run_goes_on() -> None:
    found = summary(running().so_far(60))
    outcomes = ["succeeded", "running", "waiting", "waiting", "not run", "waiting"]
    assert [one["outcome"] for one in found["jobs"]] == outcomes
    counts = {word.replace(" ", "_"): outcomes.count(word) for word in (*outcomes, "failed", "stopped")}
    assert found["counts"] == {"jobs": 6, **counts}
    assert [(cause["cause"], cause["count"]) for cause in found["causes"]] == [("not run: enough", 1)]
    assert found["goes_on"] == 60


def test_what_comes_later_changes_nothing_in_what_was_taken() -> None:
    run = ending(DONE)
    taken = run.so_far(60)
    run.state(Submitted(DONE, "id"))
    run.state(StateChanged(DONE, "id", ended("FAILED", 3)))
    assert summary(taken)["jobs"][0]["outcome"] == "waiting"
    assert summary(run.so_far(60))["causes"][0]["cause"] == "exit code 3"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "PAUSE", "SHARE"):
        monkeypatch.setattr(live, name, 0)


def test_the_page_is_written_again_and_again(tmp_path: Path) -> None:
    path, asked, run = tmp_path / "page.html", SimpleQueue[int](), running()

    def so_far(again: int) -> Ended:
        asked.put(again)
        return replace(run.so_far(again), run=f"look {asked.qsize()}")

    with live.kept_up(path, so_far):
        for _ in range(3):
            asked.get(timeout=30)
    assert in_page(path.read_text())["run"].startswith("look ")
    assert list(tmp_path.iterdir()) == [path]  # nothing half written stays


def test_a_page_that_is_half_written_at_the_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, begun, over = tmp_path / "page.html", SimpleQueue[None](), SimpleQueue[None]()
    path.write_text("old")

    def parts(_: Path, __: Ended) -> Iterator[str]:
        yield "new"
        begun.put(None)
        over.get(timeout=30)
        yield "more"

    def join(threads: Sequence[threading.Thread], seconds: float | None) -> None:
        over.put(None)
        assert threads_join(threads, seconds)

    monkeypatch.setattr(page, "of", parts)
    monkeypatch.setattr(live, "join", join)
    with live.kept_up(path, running().so_far):
        begun.get(timeout=30)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_that_cannot_be_written_is_told_once_and_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked, run = SimpleQueue[int](), running()

    def so_far(again: int) -> Ended:
        asked.put(again)
        return run.so_far(again)

    with caplog.at_level(logging.INFO), live.kept_up(tmp_path / "gone" / "page.html", so_far):
        for _ in range(3):
            asked.get(timeout=30)
    assert [record.getMessage() for record in caplog.records] == [
        f"the report {tmp_path / 'gone' / 'page.html'} is not written while the run lasts: No such file or directory"
    ]
