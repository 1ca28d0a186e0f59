"""`--cancel`: who is asked to stop, and what is said when there is nothing to stop or nobody reacts."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from jobbag.commands import cancel
from jobbag.commands.result import Result
from jobbag.errors import ExitCode, InputError, ToolError
from jobbag.events.events import Event, Finished, StateChanged, Submitted, Submitting, TakenDown, Terminated
from jobbag.events.journal import Header, Journal
from jobbag.holding import lock, requests
from jobbag.holding.lock import JournalLock
from jobbag.options.settings import Mode
from jobbag.signals import Signals
from jobbag.tool_log import ToolLog

from ..builders import ended, job, settings

JOB, OTHER = job(1, "one"), job(2, "two")
JOURNAL = Path("bag.journal")


@pytest.fixture(autouse=True)
def _quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lock, "LISTEN", 0.01)
    monkeypatch.setattr(cancel, "LOOK", 0.01)


def write(*events: Event, **options: str) -> None:
    new = not JOURNAL.exists()
    with Journal(JOURNAL) as notes:
        if new:
            notes.begin(Header("run", 0, options, {"one": "", "two": ""}))
        for event in events:
            notes(event)


def cancelled() -> Result:
    given: Any = settings(mode=Mode.CANCEL, submit_files=())
    # It is not entered: a process has one, and two that overlap would leave the logger as it was between them.
    return cancel.cancel(given, ToolLog("info", None), Signals())


STOPPED = [
    Submitting(JOB, "t"),
    Submitted(JOB, "id"),
    Terminated(JOB, "id"),
    StateChanged(JOB, "id", ended("FAILED", 1)),
]


@pytest.mark.parametrize(
    ("events", "options", "words"),
    [
        ([Finished(0)], {}, "bag: nothing to stop: the run has ended"),
        (
            [*STOPPED, TakenDown()],
            {},
            "bag: nothing to stop, as nothing of it runs; of 2 jobs, 0 succeeded, 0 failed, 1 stopped, 1 not run; ",
        ),
        (STOPPED[:2], {"--local": "yes"}, "bag: nothing to stop, as nothing of it runs; of 2 jobs, "),
    ],
)
def test_there_is_nothing_to_stop(events: list[Event], options: dict[str, str], words: str) -> None:
    write(*events, **options)
    result = cancelled()
    assert (result.exit_code, result.errors) == (ExitCode.OK, ())
    assert result.lines[0].startswith(words)


def test_there_is_no_run() -> None:
    with pytest.raises(InputError, match="no run that is called bag has begun"):
        cancelled()


@pytest.mark.parametrize("at_once", [1, 2])
def test_the_holder_does_it(at_once: int) -> None:
    """However many ask him at the same time."""
    write(*STOPPED[:2])
    asked, results = threading.Event(), list[Result]()
    with JournalLock(JOURNAL, asked.set):
        threads = [threading.Thread(target=lambda: results.append(cancelled())) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        assert asked.wait(20)
        write(*STOPPED[2:], TakenDown())
    for thread in threads:
        thread.join(20)
    assert [one.exit_code for one in results] == [ExitCode.OK] * at_once
    assert all(one.lines[0].startswith("bag: stopped; of 2 jobs, ") for one in results)
    assert not requests.path_of(JOURNAL).exists()


def test_a_holder_that_does_not_react_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    monkeypatch.setattr(cancel, "PATIENCE", 0.05)
    monkeypatch.setattr(lock, "LISTEN", 1000.0)
    with JournalLock(JOURNAL), pytest.raises(ToolError, match=r"process \d+ on .* does not react: it may be suspended"):
        cancelled()
    assert not requests.path_of(JOURNAL).exists()


def test_another_start_is_not_stopped_for_the_one_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    first, second = JournalLock(JOURNAL), JournalLock(JOURNAL, lambda: pytest.fail("it was not meant"))
    first.__enter__()

    def ask(journal: Path, _: str) -> None:
        requests.path_of(journal).write_text("{}")
        first.__exit__(None, None, None)
        second.__enter__()

    monkeypatch.setattr(requests, "ask", ask)
    try:
        with pytest.raises(ToolError, match="has begun another start since; --cancel stops that"):
            cancelled()
    finally:
        second.__exit__(None, None, None)


def test_a_run_whose_journal_was_deleted_is_stopped_all_the_same() -> None:
    write()
    asked, results = threading.Event(), list[Result]()
    with JournalLock(JOURNAL, asked.set):
        thread = threading.Thread(target=lambda: results.append(cancelled()))
        thread.start()
        assert asked.wait(20)
        JOURNAL.unlink()
    thread.join(20)
    assert results[0].lines == ("bag: stopped; its journal is gone, so that nothing more is known of it",)


@pytest.mark.parametrize("earlier", [[], [Finished(0, at=5)]])
def test_a_start_that_has_not_begun_yet_is_told_so(earlier: list[Event]) -> None:
    """Whatever the run before it, whose journal is still there, came to."""
    if earlier:
        write(*earlier)
    asked, results = threading.Event(), list[Result]()
    with JournalLock(JOURNAL, asked.set):
        thread = threading.Thread(target=lambda: results.append(cancelled()))
        thread.start()
        assert asked.wait(20)
    thread.join(20)
    assert (results[0].exit_code, results[0].lines) == (ExitCode.OK, ("bag: stopped before it had begun anything",))


def test_a_request_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    write()
    monkeypatch.setattr(Path, "write_text", refuse)
    with (
        JournalLock(JOURNAL),
        pytest.raises(ToolError, match=r"^bag\.journal: cannot ask process \d+ on .* to stop: Perm"),
    ):
        cancelled()


def test_who_holds_it_may_not_be_for_everybody_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cancel, "holder_of", refuse)
    with pytest.raises(InputError, match="who holds it cannot be told: Permission denied"):
        cancelled()
