"""A run is asked to stop by a file, which only the start that it is for heeds."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobbag.holding import lock, requests
from jobbag.holding.lock import JournalLock, holder_of


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(lock, "LISTEN", 0.01)
    yield tmp_path / "bag.journal"
    assert list(tmp_path.iterdir()) == []


def test_the_holder_hears_of_it_and_says_so(journal: Path) -> None:
    asked = threading.Event()
    with JournalLock(journal, asked.set):
        held = holder_of(journal)
        assert held is not None
        requests.ask(journal, held.id)
        assert asked.wait(20)
        assert not requests.is_asked(journal, held.id)
        requests.ask(journal, held.id)  # by another one, who comes late


@pytest.mark.parametrize("content", [json.dumps({"holder": "f" * 32}), "{", "[]", ""])
def test_a_request_for_an_earlier_start_stops_no_later_one(journal: Path, content: str) -> None:
    asked = threading.Event()
    requests.path_of(journal).write_text(content)
    requests.path_of(journal).with_name(f"bag.journal.cancel.{'0' * 32}").write_text("torn")
    with JournalLock(journal, asked.set):
        assert [path.name for path in journal.parent.iterdir()] == ["bag.journal.held"]
        requests.path_of(journal).write_text(content)
        assert not asked.wait(0.1)
        requests.path_of(journal).unlink()


def test_how_its_own_aws_is_reached_is_nobody_elses_business(journal: Path) -> None:
    with JournalLock(journal) as held:
        held.offer({"endpoint": "http://127.0.0.1:1"})
        held.check()
        seen = holder_of(journal)
        assert seen is not None
        assert seen.access == {"endpoint": "http://127.0.0.1:1"}
        assert journal.with_name("bag.journal.held").stat().st_mode & 0o777 == 0o600
