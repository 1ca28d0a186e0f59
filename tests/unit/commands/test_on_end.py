"""The command that is run when a run has ended."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest

from helpers.waiting import is_alive, wait_until
from jobbag.commands import on_end
from jobbag.commands.on_end import OnEnd
from jobbag.errors import ExitCode, Interrupted, JournalLost
from jobbag.report.summary import Ended
from jobbag.signals import Signals

from ..builders import heard, settings
from .test_ending import ending, story

LONGEST, SHORTEST = on_end.LONGEST, on_end.SHORTEST


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(on_end, "TICK", 0.02)
    monkeypatch.setattr(on_end, "GRACE", 0.1)


def ended(status: str = "FAILED", code: ExitCode = ExitCode.TASK_FAILED, stopped: Interrupted | None = None) -> Ended:
    return ending(*story(status)).write(code, stopped)


def play(command: str, end: Ended | None = None, *, error: Exception | None = None, **wanted: object) -> list[str]:
    """Let a run end that was given the command, by this error, if there is one; what the log is told."""
    with (
        heard("jobbag.commands.on_end") as lines,
        Signals() as signals,
        OnEnd(settings(on_end=command, **wanted), signals) as at_end,
    ):
        at_end.hear(end or ended())
        if error is not None:
            raise error
    return lines


def test_its_environment_tells_how_the_run_ended() -> None:
    Path("r.html").touch()
    end = ending(*story("FAILED"), summary=Path("s.json")).write(ExitCode.TASK_FAILED)
    told = play("env | grep ^PEGASUS_AWS_BATCH | sort >told", end, summary=Path("s.json"), report=Path("r.html"))
    assert told == []
    here = Path.cwd()
    assert Path("told").read_text().splitlines() == [
        "PEGASUS_AWS_BATCH_EXIT_STATUS=1",
        "PEGASUS_AWS_BATCH_FAILED=1",
        "PEGASUS_AWS_BATCH_JOBS=1",
        "PEGASUS_AWS_BATCH_NAME=bag",
        "PEGASUS_AWS_BATCH_NOT_RUN=0",
        f"PEGASUS_AWS_BATCH_REPORT={here}/r.html",
        "PEGASUS_AWS_BATCH_STOPPED=0",
        "PEGASUS_AWS_BATCH_SUCCEEDED=0",
        f"PEGASUS_AWS_BATCH_SUMMARY={here}/s.json",
    ]


@pytest.mark.parametrize("summary", [None, Path("gone/s.json")])
def test_there_is_a_summary_for_it_in_any_case(summary: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(Path("tmp").absolute()))
    end = ending(*story("FAILED"), summary=summary).write(ExitCode.TASK_FAILED)
    play('cp "$PEGASUS_AWS_BATCH_SUMMARY" s; echo "$PEGASUS_AWS_BATCH_EXIT_STATUS" >status', end, summary=summary)
    assert json.loads(Path("s").read_text())["exit_code"] == int(Path("status").read_text()) == int(end.exit_code)
    assert list(Path("tmp").iterdir()) == []


def test_where_no_file_can_be_written_it_is_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    end = ended()
    monkeypatch.setattr(tempfile, "tempdir", str(Path("gone").absolute()))
    assert play('echo "<$PEGASUS_AWS_BATCH_SUMMARY>"', end) == [
        "WARNING --on-end: there is no summary for the command: No such file or directory",
        "INFO on-end: <>",
    ]


def test_a_report_that_could_not_be_written_is_not_named() -> None:
    end = ending(report=Path("gone/r.html")).write(ExitCode.OK)
    assert play('echo "<$PEGASUS_AWS_BATCH_REPORT>"', end, report=Path("gone/r.html")) == ["INFO on-end: <>"]


def test_what_it_prints_goes_to_the_log_and_to_no_stream(capfd: pytest.CaptureFixture[str]) -> None:
    assert play(r"echo out; echo err >&2; printf 'caf\303\251 \377'; cat") == [
        "INFO on-end: out", "INFO on-end: err", "INFO on-end: café \N{REPLACEMENT CHARACTER}",
    ]  # fmt: skip
    assert capfd.readouterr() == ("", "")


def test_of_much_that_it_prints_the_begin_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_end, "SHOWN", 10)
    assert play("seq 100 199; echo; echo more") == [
        "INFO on-end: 100", "INFO on-end: 101", "INFO on-end: 10", "INFO on-end: the rest of the output is not shown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("exit 3", "ended with exit status 3"),
        ("no-such-program 2>/dev/null", "ended with exit status 127"),
        ("kill -9 $$", "was ended by SIGKILL"),
        ("x\0y", "cannot be started: embedded null byte"),
    ],
)
def test_what_goes_wrong_is_one_line_and_no_error(command: str, told: str) -> None:
    assert play(command) == [f"WARNING --on-end: the command {told}"]


@pytest.mark.parametrize("heeds", [True, False])
def test_one_that_takes_too_long_is_ended_with_all_of_its_group(heeds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_end, "LONGEST", 0.2)
    trap = "" if heeds else "trap '' TERM; "
    lines = play(f"{trap}sleep 1000 & echo $! >child; while :; do sleep 1000; done")
    assert lines == ["WARNING --on-end: the command took longer than 0 s, and was ended"]
    wait_until(lambda: not is_alive(int(Path("child").read_text())))


def test_what_it_leaves_in_the_background_is_not_waited_for() -> None:
    began = time.monotonic()
    play("sleep 1000 & echo $! >child")
    child = int(Path("child").read_text())
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_it_and_nothing_else(number: signal.Signals) -> None:
    def kill() -> None:
        wait_until(Path("begun").exists)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=kill)
    thread.start()
    lines = play("sleep 1000 & echo $! >child; touch begun; wait")
    thread.join()
    assert lines == ["WARNING --on-end: the command was ended by a signal"]
    wait_until(lambda: not is_alive(int(Path("child").read_text())))


def test_after_sigterm_it_has_the_time_that_the_run_has_left() -> None:
    def seconds(code: ExitCode, ago: float) -> float:
        stopped = Interrupted(code)
        stopped.at -= ago
        return on_end._seconds(ended(code=code, stopped=stopped), grace=30)

    assert seconds(ExitCode.SIGINT, 25) == LONGEST
    assert seconds(ExitCode.SIGTERM, 20) == pytest.approx(10, abs=1)
    assert seconds(ExitCode.SIGTERM, 35) == SHORTEST


def test_it_is_not_run_for_what_is_no_end_of_this_start(tmp_path: Path) -> None:
    with OnEnd(settings(on_end="touch run"), Signals()):
        pass  # as a start that has begun nothing
    with pytest.raises(JournalLost):
        play("touch run", error=JournalLost("taken over"))
    assert list(tmp_path.glob("run")) == []


def test_after_an_error_it_is_run_and_the_error_stays() -> None:
    with pytest.raises(OSError, match="full"):
        play("touch run; exit 3", error=OSError("full"))
    assert Path("run").exists()
