"""The summary as Python values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobbag.errors import ExitCode, InputError
from jobbag.events.events import StateChanged
from jobbag.events.observation import Peak
from jobbag.events.outcome import Verdict
from jobbag.report.view import Counts, Summary

from ..builders import ended
from ..commands.test_ending import ONE, ending, story


def test_it_is_the_same_from_the_run_and_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    end = ending(*story("FAILED"), summary=Path("s.json")).write(ExitCode.TASK_FAILED)
    summary = Summary.read("s.json")
    assert summary == Summary.of(end)
    assert (summary.exit_status, summary.succeeded, summary.complete, summary.signal) == (1, False, True, None)
    assert summary.counts == Counts(1, 0, 1, 0, 0)
    assert (summary.causes[0].count, summary.causes[0].cause) == (1, "exit code 3: oh no")
    job = summary["one"]
    assert (job.verdict, job.succeeded, job.exit_code, job.out) == (Verdict.FAILED, False, 3, Path("one.out"))
    assert (job.memory, job.memory_used, job.memory_of) == (None, None, None)
    with pytest.raises(KeyError):
        summary["two"]


def test_a_job_tells_the_memory_that_it_asked_for_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    submitted, _, written = story("SUCCEEDED")
    seen = StateChanged(ONE, "id", ended("SUCCEEDED", memory=2048))
    peak = Peak(300 * 1024 * 1024, whole=True)
    end = ending(submitted, seen, replace(written, peak=peak), summary=Path("s.json")).write(ExitCode.OK)  # type: ignore[call-arg]
    for summary in (Summary.of(end), Summary.read("s.json")):
        job = summary["one"]
        assert (job.memory, job.memory_used, job.memory_of) == (2048, 300, "container")


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot read the summary: No such file"), ("[]", "is no summary of a run"), ("{", "is no summary")],
)
def test_a_file_that_is_none_is_told(content: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=told):
        Summary.read(path)
