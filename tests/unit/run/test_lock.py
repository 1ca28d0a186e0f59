"""One run at a time holds a journal; a holder that is dead is recognised."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.waiting import is_alive, wait_until
from jobbag.errors import InputError
from jobbag.run.lock import STALE, JournalLock, check_free


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A place for a journal."""
    return tmp_path / "bag.journal"


def held(journal: Path) -> Path:
    """The file that says who holds it."""
    return journal.with_name("bag.journal.held")


def own_mark(journal: Path) -> dict[str, Any]:
    """What a holder of this process writes."""
    with JournalLock(journal):
        content: dict[str, Any] = json.loads(held(journal).read_text())
    return content


def aged(path: Path, seconds: float) -> None:
    """Let the file be touched last so long ago."""
    now = path.stat().st_mtime
    os.utime(path, (now - seconds, now - seconds))


def assert_free(journal: Path) -> None:
    """It can be held, and nothing is left afterwards. Who only asks changes nothing."""
    before = list(journal.parent.iterdir())
    check_free(journal)
    assert list(journal.parent.iterdir()) == before
    with JournalLock(journal):
        assert json.loads(held(journal).read_text())["pid"] == os.getpid()
    assert list(journal.parent.iterdir()) == []


def assert_held(journal: Path, pid: object, host: str) -> None:
    """It cannot be held, and the error says why."""
    for attempt in (JournalLock(journal).__enter__, lambda: check_free(journal)):
        with pytest.raises(InputError, match=f"bag.journal: another run holds this journal: process {pid} on {host}$"):
            attempt()
    assert [path.name for path in journal.parent.iterdir()] == ["bag.journal.held"]


def test_a_free_journal_is_held_and_let_go(journal: Path) -> None:
    with JournalLock(journal):
        assert held(journal).stat().st_mode & 0o777 == 0o600
    assert_free(journal)


def test_a_live_holder_on_this_host(journal: Path) -> None:
    with JournalLock(journal):
        aged(held(journal), 10 * STALE)  # its process was stopped with SIGSTOP, say
        assert_held(journal, os.getpid(), socket.gethostname())


def test_it_is_let_go_after_an_error(journal: Path) -> None:
    with pytest.raises(ZeroDivisionError), JournalLock(journal):
        raise ZeroDivisionError
    assert_free(journal)


def test_a_dead_process(journal: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    held(journal).write_text(json.dumps({**own_mark(journal), "pid": process.pid}))
    assert_free(journal)


def test_another_process_that_has_got_the_number_since(journal: Path) -> None:
    held(journal).write_text(json.dumps({**own_mark(journal), "process": "1"}))
    assert_free(journal)


def test_a_killed_process_that_nobody_has_waited_for(journal: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from jobbag.run.lock import JournalLock;"
        "lock = JournalLock(Path(sys.argv[1])); lock.__enter__(); print('held', flush=True); time.sleep(100)"
    )
    lib = str(Path(__file__).parents[3] / "lib")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(journal)], env={"PYTHONPATH": lib}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.kill()
        wait_until(lambda: not is_alive(process.pid), what="its end")
        assert_free(journal)


OTHERS = [{"host": "login2"}, {"boot": "an earlier one"}, {"host": "login2", "boot": ""}]


@pytest.mark.parametrize("changes", OTHERS)
def test_a_holder_elsewhere_that_shows_signs_of_life(journal: Path, changes: dict[str, str]) -> None:
    mark = {**own_mark(journal), **changes}
    held(journal).write_text(json.dumps(mark))
    aged(held(journal), STALE / 2)
    assert_held(journal, mark["pid"], mark["host"])


@pytest.mark.parametrize("changes", OTHERS)
def test_a_holder_elsewhere_that_shows_none(journal: Path, changes: dict[str, str]) -> None:
    held(journal).write_text(json.dumps({**own_mark(journal), **changes}))
    aged(held(journal), STALE + 10)
    assert_free(journal)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 7}'])
def test_a_holder_that_was_killed_while_it_wrote(journal: Path, content: str) -> None:
    held(journal).write_text(content)
    aged(held(journal), STALE + 10)
    assert_free(journal)


def test_a_holder_that_could_not_write(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full: nothing must be left that locks out a start with space."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(json, "dump", full)
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            JournalLock(journal).__enter__()
    assert_free(journal)
