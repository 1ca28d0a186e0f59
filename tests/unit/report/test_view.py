"""The summary as Python values."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.errors import ExitCode, InputError
from jobbag.events.outcome import Verdict
from jobbag.report.view import Counts, Summary

from ..commands.test_ending import ending, story


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
    with pytest.raises(KeyError):
        summary["two"]


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
