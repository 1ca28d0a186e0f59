"""What `--status` says, of runs in whatever state."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobbag.commands import status
from jobbag.errors import ExitCode, InputError, Interrupted
from jobbag.events.escalation import MEMORY, Escalated
from jobbag.events.events import (
    Event,
    Finished,
    Halted,
    JobsWaiting,
    LogsWritten,
    Staged,
    StagingBegun,
    StateChanged,
    Submitted,
    Submitting,
)
from jobbag.events.journal import Header, Journal
from jobbag.events.observation import Observation
from jobbag.holding.lock import JournalLock
from jobbag.options.settings import Mode
from jobbag.run.task import digest_of

from ..builders import ended, job, settings

JOBS = [job(number, f"j{number}") for number in range(1, 5)]
REPO = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*events: Event, name: str = "bag", **options: str) -> None:
    with Journal(Path(f"{name}.journal")) as notes:
        notes.begin(Header("run", 1_000, options, {one.name: digest_of(one) for one in JOBS}))
        for event in events:
            notes(event)


def sent(number: int, status: str, **seen: Any) -> list[Event]:
    one = JOBS[number - 1]
    observation = ended(status, **seen) if status in ("SUCCEEDED", "FAILED") else Observation(status)
    events: list[Event] = [Submitting(one, f"t{number}", at=2_000), Submitted(one, f"id{number}", at=2_000)]
    return [*events, StateChanged(one, f"id{number}", observation, at=5_000)]


def said(**wanted: Any) -> list[str]:
    result = status.status(settings(mode=Mode.STATUS, submit_files=(), **wanted))
    assert result.exit_code is ExitCode.OK
    return list(result.lines)


def test_a_run_that_goes_on() -> None:
    failed = [*sent(1, "FAILED", exit_code=3), LogsWritten(JOBS[0], Path("a"), Path("b"), 1, ("ValueError: bad 4",))]
    write(*failed, *sent(2, "RUNNING"), *sent(3, "RUNNABLE"), JobsWaiting("q", "the queue has no room", False, at=0))
    with JournalLock(Path("bag.journal")):
        lines = said()
    assert lines[0].startswith("bag: 1 of 4 jobs done, 1 failed, ")
    assert lines[1:3] == [
        "jobs   1 to send, 1 RUNNABLE, 1 RUNNING, 1 FAILED",
        "submitting 1 job; waiting for 1 job in RUNNABLE, 1 in RUNNING",
    ]
    assert lines[3].endswith(": the queue has no room")
    assert lines[4:6] == ["1 failure, 1 cause:", "  1 x exit code 3: ValueError: bad <n> (job j1)"]
    assert lines[6].startswith("held by process ")


def test_jobs_that_were_sent_again() -> None:
    write(
        *sent(1, "FAILED", exit_code=137),
        Escalated(JOBS[0], "id1", MEMORY, "OutOfMemoryError", 2048),
        *sent(2, "RUNNING"),
    )
    told = "sent again: 1 job, 1 time with more memory"
    assert told in said()
    assert json.loads("\n".join(said(json=True)))["sent_again"] == {"jobs": 1, "memory": 1, "machine": 0}


def test_a_run_that_has_ended() -> None:
    write(*(event for number in range(1, 5) for event in sent(number, "SUCCEEDED")), Finished(0, at=9_000))
    lines = said()
    assert lines[:2] == ["bag: 4 of 4 jobs done, 0:08 elapsed", "jobs   4 SUCCEEDED"]
    assert lines[2].startswith("ended ")
    assert lines[2].endswith(" with exit status 0 (All is well)")


@pytest.mark.parametrize(
    ("options", "events", "words"),
    [
        (
            {},
            sent(1, "RUNNING"),
            "nobody holds it, and 1 job may run on in AWS: the same command goes on",
        ),
        ({}, sent(1, "SUCCEEDED"), "nobody holds it: the same command goes on with it"),
        (
            {"--local": "yes"},
            sent(1, "RUNNING"),
            "nobody holds it: its jobs ended with it; the same command with --update",
        ),
    ],
)
def test_a_run_that_nobody_holds(options: dict[str, str], events: list[Event], words: str) -> None:
    write(*events, **options)
    assert any(line.startswith(words) for line in said())


def test_uploads_are_those_of_the_last_start() -> None:
    first = [StagingBegun(3, 30), Staged("a", "a", 10, 0, True)]
    write(*first, StagingBegun(2, 20), Staged("b", "b", 10, 0, True))
    with JournalLock(Path("bag.journal")):
        assert said()[2:4] == ["files  1 of 2 in S3, 10 bytes of 20 bytes", "sending 1 file"]


def test_in_journals_of_earlier_versions_nothing_is_known_of_uploads() -> None:
    write(Staged("a", "a", 10, 0, True), *sent(1, "RUNNING"))
    with JournalLock(Path("bag.journal")):
        assert not any("file" in line for line in said())


def test_it_is_an_object_for_programs() -> None:
    write(*sent(1, "FAILED", exit_code=1), Halted("1 job failed"))
    one = json.loads("\n".join(said(json=True)))
    assert (one["journal"], one["run"], one["kind"], one["state"]) == ("bag.journal", "run", "run", "left")
    assert (one["jobs"], one["done"], one["succeeded"], one["not_succeeded"]) == (4, 1, 0, {"failed": 1})
    assert (one["halted"], one["held_by"], one["exit_code"]) == ("1 job failed", None, None)
    assert one["causes"][0] | {"advice": ""} == {
        "cause": "exit code 1", "advice": "", "count": 1, "example": "j1",
    }  # fmt: skip


def test_what_has_become_of_the_bag_is_said() -> None:
    write()
    Path("bag.in").write_text(json.dumps({"SubmitJob": [{"jobName": "j1", "executable": "other"}]}))
    given = settings(mode=Mode.STATUS)
    assert status.status(given).lines[-1] == (
        "note: the bag has changed since the run began (4 jobs); this is the run as it was started"
    )
    Path("bag.in").unlink()
    assert status.status(given).lines[-1].startswith("note: the bag cannot be read any more: ")


def test_without_a_bag_each_run_has_a_line(here: Path) -> None:
    write(*sent(1, "SUCCEEDED"), name="one")
    write(Finished(1), name="two")
    Path("three.journal").write_text("{")
    lines = said(prefix=None)
    assert [line.partition(":")[0] for line in lines] == ["one", "three.journal", "two"]
    assert lines[0] == "one: 1 of 4 jobs done; nobody holds it: the same command goes on with it"
    runs = json.loads("\n".join(said(prefix=None, json=True)))
    assert ([one["journal"] for one in runs["runs"]], len(runs["errors"])) == (["one.journal", "two.journal"], 1)
    for path in here.glob("*.journal"):
        path.unlink()
    with pytest.raises(InputError, match="--status: there is no journal in "):
        said(prefix=None)


def test_it_is_watched_until_it_ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write(*sent(1, "RUNNING"))
    steps: Iterator[list[Event]] = iter([[], [StateChanged(JOBS[0], "id1", ended())], [Finished(0)]])

    def pause(_: float) -> None:
        with Journal(Path("bag.journal")) as notes:
            for event in next(steps):
                notes(event)

    monkeypatch.setattr(time, "sleep", pause)
    with JournalLock(Path("bag.journal")):
        assert said(watch=True) == []
    shown = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0].partition(";")[0] for line in shown] == [
        "bag: 0 of 4 jobs done", "bag: 1 of 4 jobs done", "bag: 1 of 4 jobs done",
    ]  # fmt: skip
    assert "ended " in shown[-1]


def test_a_watch_ends_with_who_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    write()
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("nobody reads what comes then"))
    with JournalLock(Path("bag.journal")), open(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert said(watch=True) == []


def test_a_terminal_that_cannot_move_its_cursor_is_told_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(time, "sleep", stop_watching)
    reader, writer = pty.openpty()
    write(*sent(1, "RUNNING"))
    with JournalLock(Path("bag.journal")), open(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert said(watch=True) == []
        assert os.read(reader, 4096).startswith(b"bag: 0 of 4 jobs done; 3 to send, 1 RUNNING; ")
    os.close(reader)


def stop_watching(_: float) -> None:
    raise Interrupted(ExitCode.SIGINT)


def test_ctrl_c_ends_a_watch_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    monkeypatch.setattr(time, "sleep", stop_watching)
    with JournalLock(Path("bag.journal")):
        assert said(watch=True) == []


def test_neither_boto3_nor_the_lock_is_needed() -> None:
    write(*sent(1, "RUNNING"))
    code = "import sys; from jobbag.cli import main; status = main(['--status', '-p', 'bag']); "
    code += "sys.exit(status or 'boto3' in sys.modules or 'botocore.session' in sys.modules)"
    with JournalLock(Path("bag.journal")):
        env = {"PYTHONPATH": str(REPO / "lib")}
        assert subprocess.run([sys.executable, "-c", code], check=False, env=env, capture_output=True).returncode == 0
