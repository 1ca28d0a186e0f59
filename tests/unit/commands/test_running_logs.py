"""`--logs` of a job that runs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobbag.commands import running_logs
from jobbag.commands.recorded import Recorded
from jobbag.commands.running_logs import Running
from jobbag.events.events import OutputSeen, StateChanged, Submitted, Submitting
from jobbag.events.journal import Header, Journal
from jobbag.events.observation import Observation
from jobbag.options.settings import Mode

from ..builders import job, settings

JOB = job(1, "one")
RUNS = Observation("RUNNING")


class Talkative:
    """A job that prints whenever it is looked at, in the place of the follower."""

    def __init__(self, _: object, emit: Any, __: object) -> None:
        self._emit = emit

    def __enter__(self) -> Talkative:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def follow(self, one: Any, _: Observation) -> None:
        self._emit(OutputSeen(one, ("a line",)))


def test_following_ends_with_who_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path / "bag.journal") as notes:
        notes.begin(Header("run", 0, {}, {"one": ""}))
        for event in (Submitting(JOB, "t"), Submitted(JOB, "id"), StateChanged(JOB, "id", RUNS)):
            notes(event)
    run = Recorded(tmp_path / "bag.journal")
    run.read_on()
    looks = iter([RUNS, RUNS])  # and then it fails
    monkeypatch.setattr(Running, "_look", lambda _: next(looks))
    monkeypatch.setattr(Running, "_aws", lambda _: SimpleNamespace(embedded=True))
    monkeypatch.setattr(running_logs, "Follower", Talkative)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert not Running(settings(mode=Mode.LOGS), run, JOB).print(follow=True)
