"""What is told and written when a run is over, whatever ended it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.summaries import in_page
from jobbag.commands.ending import Ending
from jobbag.errors import AwsError, CleanupError, ExitCode, Interrupted, ToolError
from jobbag.events.events import Event, LogsWritten, StateChanged, Submitted
from jobbag.events.observation import Attempt
from jobbag.events.state import RunState
from jobbag.logs.outputs import JobFiles
from jobbag.report.details import Details

from ..builders import bag, ended, heard, job, settings

ONE = job(1, "one")


def story(status: str) -> list[Event]:
    return [
        Submitted(ONE, "id"),
        StateChanged(ONE, "id", ended(status, 0 if status == "SUCCEEDED" else 3)),
        LogsWritten(ONE, Path("one.out"), Path("one.err"), 1, ("oh no",)),
    ]


def ending(*events: Event, **wanted: Any) -> Ending:
    """The end of a run of one job, with these settings."""
    state = RunState(bag(ONE), 0)
    details = Details(state)
    for event in events:
        state(event)
        details(event)
    return Ending(settings(**wanted), "run", "eu-west-3", state, details, JobFiles(), None, dict)


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_failed_is_an_error_and_where_the_files_are_is_none() -> None:
    with heard("jobbag.commands.ending") as lines:
        end, _ = ending(*story("FAILED"), summary=Path("s.json")).tell(ExitCode.TASK_FAILED, None, [], finished=True)
    assert lines[0].startswith("ERROR 1 job: 0 succeeded, 1 failed, in ")
    assert "ERROR   1 x exit code 3: oh no" in lines
    assert lines[-2:] == [
        "INFO next: the same command with --retry-failed runs again what did not succeed",
        "INFO summary: s.json",
    ]
    assert end.exit_code == json.loads(Path("s.json").read_text())["exit_code"] == 1


def test_a_run_that_went_well_needs_nothing_more() -> None:
    with heard("jobbag.commands.ending") as lines:
        end, _ = ending(*story("SUCCEEDED")).tell(ExitCode.OK, None, [], finished=True)
    assert end.exit_code == 0
    assert lines[0].startswith("INFO 1 job: 1 succeeded, 0 failed, in ")
    assert not any("next" in line or "summary" in line for line in lines)


def test_files_of_attempts_that_this_run_did_not_have_are_told_and_left() -> None:
    for name in ("one.out.1", "one.err.1", "one.out.2", "one.err.12", "one.out.0", "one.out.x", "two.out.1", "one.out"):
        Path(name).touch()
    submitted, _, written = story("SUCCEEDED")
    before = Attempt("s", 1_000, 2_000, 137, "OutOfMemoryError")
    seen = StateChanged(ONE, "id", ended("SUCCEEDED", attempts=(before, replace(before, exit_code=0))))
    there = sorted(Path().iterdir())
    with heard("jobbag.commands.ending") as lines:
        ending(submitted, seen, written).tell(ExitCode.OK, None, [], finished=True)
    assert "INFO   note: not of this run, but from before it: one.err.12, one.out.2" in lines
    assert sorted(Path().iterdir()) == there


@pytest.mark.parametrize(
    ("local", "words"),
    [(False, "it goes on where this one ended"), (True, "with --update it keeps what succeeded")],
)
def test_how_an_unfinished_run_goes_on(local: bool, words: str) -> None:
    stopped = Interrupted(ExitCode.SIGINT)
    with heard("jobbag.commands.ending") as lines:
        end, _ = ending(local=local).tell(ExitCode.SIGINT, stopped, ["the bucket stays"], finished=False)
    assert end.exit_code == 130
    assert lines[-1].endswith(words)
    assert "ERROR   error: the bucket stays" in lines


@pytest.mark.parametrize(
    ("error", "code", "signal", "said"),
    [
        (AwsError("CreateJobQueue", "ClientException", "no"), 2, None, ["CreateJobQueue failed: no (ClientException)"]),
        (CleanupError(["one", "two"]), 2, None, ["one", "two"]),
        (OSError(28, "No space left on device"), 2, None, ["[Errno 28] No space left on device"]),
        (Interrupted(ExitCode.SIGTERM), 143, "SIGTERM", []),
    ],
)
def test_the_summary_of_a_run_that_an_error_ends(
    error: ToolError | OSError | Interrupted, code: int, signal: str | None, said: list[str]
) -> None:
    ending(summary=Path("s.json"), report=Path("r.html")).write_after(error)
    found = json.loads(Path("s.json").read_text())
    assert in_page(Path("r.html").read_text()) == found
    assert (found["exit_code"], found["signal"], found["errors"], found["complete"]) == (code, signal, said, False)


@pytest.mark.parametrize("what", ["summary", "report"])
@pytest.mark.parametrize(
    ("code", "told"), [(ExitCode.OK, 2), (ExitCode.TASK_FAILED, 2), (ExitCode.AWS_ERROR, 2), (ExitCode.SIGINT, 130)]
)
def test_a_file_that_cannot_be_written_is_an_error_of_the_run(code: ExitCode, told: int, what: str) -> None:
    path = Path("gone/file")
    with heard("jobbag.commands.ending") as lines:
        end, finished = ending(*story("SUCCEEDED"), **{what: path}).tell(code, None, [], finished=True)
    assert (end.exit_code, end.unwritten, finished) == (told, (what,), False)
    assert lines[0] == f"ERROR cannot write the {what} {path}: No such file or directory"
    assert any(f"  error: cannot write the {what}" in line for line in lines)
    assert not any(f"{what}: {path}" in line for line in lines)


def test_the_summary_knows_of_a_page_that_could_not_be_written() -> None:
    ending(*story("SUCCEEDED"), summary=Path("s.json"), report=Path("gone/r.html")).write(ExitCode.OK)
    found = json.loads(Path("s.json").read_text())
    assert (found["exit_code"], found["errors"]) == (
        2,
        ["cannot write the report gone/r.html: No such file or directory"],
    )


def test_the_page_is_at_home_in_another_directory(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    ending(*story("FAILED"), report=Path("pages/r.html")).write(ExitCode.TASK_FAILED)
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["r.html"]
    page = Path("pages/r.html").read_text(encoding="utf-8")
    assert 'data-base="../"' in page
    assert in_page(page)["jobs"][0]["err"] == "one.err"


def test_without_the_option_nothing_is_written(tmp_path: Path) -> None:
    ending(*story("FAILED")).tell(ExitCode.TASK_FAILED, None, [], finished=True)
    assert list(tmp_path.iterdir()) == []
