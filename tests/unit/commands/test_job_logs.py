"""`--logs` of jobs whose output is on disk, and of names that no job has."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobbag.commands import job_logs
from jobbag.errors import InputError
from jobbag.events.events import Event, LogsWritten, Merged, NotRun, Share, StateChanged, Submitted
from jobbag.events.journal import Header, Journal
from jobbag.events.observation import Attempt
from jobbag.logs.records import task_record
from jobbag.options.settings import Mode

from ..builders import ended, job, settings

NAMES = ["fit-01", "fit-02", "sum", "array.0", "array.1", "array.2"]
JOBS = [job(number, name) for number, name in enumerate(NAMES, 1)]
RECORD = task_record(JOBS[0], "id", ended(), 0).encode() + b"\n"
OUT, ERR = b"\xc3\xa9ins\n" + RECORD, b"Fehler\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*events: Event, **options: str) -> None:
    with Journal(Path("bag.journal")) as notes:
        notes.begin(Header("run", 0, options, dict.fromkeys(NAMES, "")))
        for event in events:
            notes(event)


def logs(name: str, **wanted: Any) -> None:
    job_logs.logs(settings(**{"mode": Mode.LOGS, "submit_files": (), "logs_of": name, **wanted}))


WHOLE = b"\xc3\xa9ins\n[pegasus-aws-batch] stderr:\nFehler\n"


@pytest.mark.parametrize("prefix", ["bag", None])
def test_both_come_on_stdout_without_the_record(prefix: str | None, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Path("fit-01.out").write_bytes(OUT)
    Path("fit-01.err").write_bytes(ERR)
    Path("fit-01.out.1").touch()
    Path("fit-01.out.2").touch()  # of an earlier run
    first = Attempt("s", 1_000, 2_000, 137, "OutOfMemoryError")
    seen = ended("SUCCEEDED", attempts=(first, replace(first, exit_code=0)))
    write(
        Submitted(JOBS[0], "id"),
        StateChanged(JOBS[0], "id", seen),
        LogsWritten(JOBS[0], Path("fit-01.out"), Path("fit-01.err"), 2),
    )
    logs("fit-01", prefix=prefix)
    shown = capfdbinary.readouterr()
    assert shown.out == WHOLE
    assert shown.err == b"pegasus-aws-batch: this is the last attempt; of those before: fit-01.out.1, and .err\n"


def test_it_may_stand_in_a_file_with_others(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Path("1.jobs").write_bytes(b"before" + OUT + ERR + b"behind")
    write(LogsWritten(JOBS[0], Path("1.jobs"), Path("1.jobs"), 2, share=Share(6, len(OUT), len(ERR), 2)))
    logs("fit-01")
    assert capfdbinary.readouterr().out == WHOLE


@pytest.mark.parametrize("ending", ["", ".part"])
def test_it_may_be_merged_or_just_be_so(ending: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Path(f"all.out{ending}").write_bytes(b"before\n" + OUT + b"behind")
    Path(f"all.err{ending}").write_bytes(ERR)
    merged = Merged(JOBS[0], 7 + len(OUT), len(ERR), (7, 0), (zlib.crc32(OUT), zlib.crc32(ERR)))
    write(LogsWritten(JOBS[0], Path("gone"), Path("gone"), 2), merged, **{"--merge-logs": "all"})
    logs("fit-01")
    assert capfdbinary.readouterr().out == WHOLE
    Path(f"all.err{ending}").write_bytes(b"OTHERS\n")
    with pytest.raises(InputError, match=r"is not where it was written: all\.out and all\.err"):
        logs("fit-01")


def test_what_was_not_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ("out", "err"):
        Path(f"sum.{ending}").touch()
    write(LogsWritten(JOBS[2], Path("sum.out"), Path("sum.err"), 0), NotRun(JOBS[1], "job sum failed"))
    logs("sum")
    logs("fit-01")
    logs("fit-02")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "pegasus-aws-batch: job sum has written nothing",
        "pegasus-aws-batch: job fit-01 has no output yet: it is not sent yet; nobody holds the run: the same command "
        "goes on with it",
        "pegasus-aws-batch: job fit-02 has no output: not run: job sum failed",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fit-1", "there is no job fit-1 in the run bag; did you mean fit-01"),
        ("???", r"there is no job \?\?\? in the run bag$"),
        ("array", "array is an array of 3 jobs: give one of array.0 to array.2"),
    ],
)
def test_an_unknown_name_is_told_with_those_like_it(name: str, words: str) -> None:
    write()
    with pytest.raises(InputError, match=words):
        logs(name)


def test_of_several_runs_one_is_to_be_named() -> None:
    with pytest.raises(InputError, match="--logs: there is no journal in "):
        logs("sum", prefix=None)
    write()
    Path("other.journal").touch()
    with pytest.raises(InputError, match=r"give its bag, or --prefix \(there are bag, other\)"):
        logs("sum", prefix=None)
