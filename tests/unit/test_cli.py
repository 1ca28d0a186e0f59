"""The exit status, whoever reads what the command says."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.processes import run
from helpers.surroundings import LANG
from helpers.tool import COMMAND
from jobbag.cli import main
from jobbag.errors import CleanupError


@contextmanager
def gone(kind: str) -> Iterator[int]:
    """Something to write to, whose reader is no more; or that is full."""
    if kind == "full":
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe() if kind == "pipe" else pty.openpty()
        os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": LANG, "HOME": str(home), "TERM": "xterm"}


def play(tmp_path: Path, bag: str, *words: str, **streams: int) -> tuple[int, bytes, bytes]:
    """Run the command on a bag that needs no AWS: its exit status, stdout and stderr."""
    (tmp_path / "bag.in").write_text(bag)
    line = [*COMMAND, "--prefix", "p", "--log-level", "error", "--region", "us-east-1", *words, "bag.in"]
    return run(line, cwd=tmp_path, env=environment(tmp_path), timeout=60, **streams)


@pytest.mark.skipif(sys.platform != "linux", reason="a terminal that is gone gives another error")
@pytest.mark.parametrize("kind", ["pipe", "terminal"])
@pytest.mark.parametrize(("bag", "status"), [('{"SubmitJob": []}', 0), ("nonsense", 3)])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_nobody_reads_what_it_says(tmp_path: Path, stream: str, bag: str, status: int, kind: str) -> None:
    with gone(kind) as writer:
        found, _, err = play(tmp_path, bag, **{stream: writer})
    assert found == status, err
    assert b"Traceback" not in err
    assert b"Exception" not in err


def test_what_it_says_cannot_be_written(tmp_path: Path) -> None:
    with gone("full") as writer:
        status, _, err = play(tmp_path, '{"SubmitJob": []}', "--print-bag", stdout=writer)
    assert (status, err) == (2, b"pegasus-aws-batch: cannot write to stdout: No space left on device\n")


@pytest.mark.parametrize(("bag", "status"), [('{"SubmitJob": []}', 0), ("nonsense", 3)])
@pytest.mark.parametrize(("closed", "more"), [("1", ""), ("2", ""), ("2", "--log-file log"), ("012", "")])
def test_streams_that_are_closed(tmp_path: Path, bag: str, status: int, closed: str, more: str) -> None:
    """As daemons and some cron start it."""
    (tmp_path / "bag.in").write_text(bag)
    redirections = {"0": "<&-", "1": ">&-", "2": "2>&-"}
    script = f'exec "$@" {more} {" ".join(redirections[one] for one in closed)}'
    line = ["/bin/sh", "-c", script, "sh", *COMMAND, "--region", "us-east-1", "bag.in"]
    found, _, err = run(line, cwd=tmp_path, env=environment(tmp_path), timeout=60)
    assert found == status, err
    assert b"Traceback" not in err
    assert (tmp_path / "bag.in").read_text() == bag


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["--completion", "bash"]])
@pytest.mark.parametrize(("kind", "status"), [("full", 2), ("pipe", 0)])
def test_what_it_shows_cannot_be_written(tmp_path: Path, words: list[str], kind: str, status: int) -> None:
    with gone(kind) as writer:
        found, _, err = run([*COMMAND, *words], cwd=tmp_path, env=environment(tmp_path), timeout=60, stdout=writer)
    expected = b"pegasus-aws-batch: cannot write to stdout: No space left on device\n" if kind == "full" else b""
    assert (found, err) == (status, expected)


def test_stderr_that_is_full_changes_no_status(tmp_path: Path) -> None:
    for bag, status in (('{"SubmitJob": []}', 0), ("nonsense", 3)):
        with gone("full") as writer:
            assert play(tmp_path, bag, stderr=writer)[0] == status


@pytest.mark.parametrize("where", ["jobbag.options.parser.load", "jobbag.commands.dispatch.execute"])
def test_a_signal_of_which_a_library_makes_another_error(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Python itself does with an exception in `__set_name__`, in the middle of an import."""

    def interrupted(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException as error:
            raise RuntimeError("Error calling __set_name__") from error

    (tmp_path / "bag.in").write_text('{"SubmitJob": []}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(where, interrupted)
    assert main(["--region", "us-east-1", "bag.in"]) == 143
    assert capsys.readouterr().err == "pegasus-aws-batch: stopped by a signal\n"


def test_what_went_wrong_after_a_signal_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raise CleanupError(["queue a: busy"])

    (tmp_path / "bag.in").write_text('{"SubmitJob": []}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jobbag.commands.dispatch.execute", fail)
    assert main(["--region", "us-east-1", "bag.in"]) == 2
    assert capsys.readouterr().err == "pegasus-aws-batch: queue a: busy\n"


def test_a_signal_as_soon_as_there_is_a_handler(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = signal.signal

    def handle_and_send(number: int, handler: Any) -> Any:
        before = handle(number, handler)
        if number == signal.SIGTERM and handler is not signal.SIG_IGN and handler != usual:
            signal.raise_signal(number)
        return before

    usual = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(signal, "signal", handle_and_send)
    assert main(["bag.in"]) == 143
    assert capsys.readouterr().err == "pegasus-aws-batch: stopped by a signal\n"
    assert signal.getsignal(signal.SIGTERM) == usual
