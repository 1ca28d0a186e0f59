"""Where the system allows no thread, a run is shown as far as that goes, and does not end."""

from __future__ import annotations

import threading

import pytest

from jobbag.display.job_lines import lines_on


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
