"""Where the system allows no thread, a run is shown as far as that goes, and does not end."""

from __future__ import annotations

import io
import logging
import sys
import threading

import pytest

from jobbag.display.job_lines import lines_on
from jobbag.display.progress import Progress
from jobbag.display.views import shown
from jobbag.events.events import StateChanged
from jobbag.events.observation import now_ms
from jobbag.tool_log import ToolLog

from ..builders import bag, ended, job


@pytest.fixture(autouse=True)
def _no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


def test_lines_of_jobs_are_written_when_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    with lines_on(None) as out:
        out.write("one: a\n")
        assert capsys.readouterr().out == "one: a\n"
        out.write("one: b\n")
    assert capsys.readouterr().out == "one: b\n"


class Tty(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("how", ["auto", "log"])
def test_what_was_said_meanwhile_is_shown_at_the_end(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Tty()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(bag(job()), now_ms(), lambda: None)
    with ToolLog("info", None) as tool_log, shown(how, "the bag", progress, tool_log):
        progress(StateChanged(job(), "id", ended("SUCCEEDED")))
        logging.getLogger("jobbag.run").info("said meanwhile")
    assert "said meanwhile" in terminal.getvalue()
    assert "1 of 1 job done" not in terminal.getvalue(), "the end is told anyway"
