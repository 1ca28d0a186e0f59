"""One run at a time holds a journal; a holder that is dead is recognised."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.waiting import is_alive, wait_until
from jobbag.errors import InputError, JournalLost
from jobbag.events.events import TakenDown
from jobbag.events.journal import Header, Journal
from jobbag.holding.lock import STALE, JournalLock, check_free


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


AWAY = "; if that was killed, the journal is free two minutes later"


def assert_held(journal: Path, pid: object, host: str, more: str = "") -> None:
    """It cannot be held, and the error says why."""
    told = f"bag.journal: another run holds this journal: process {pid} on {host}{more}$"
    for attempt in (JournalLock(journal).__enter__, lambda: check_free(journal)):
        with pytest.raises(InputError, match=told):
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
        "import sys, time; from pathlib import Path; from jobbag.holding.lock import JournalLock;"
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


# On another machine, or in another container of this one, where this number means another process or none.
OTHERS: list[dict[str, Any]] = [
    {"host": "login2"},
    {"boot": "an earlier one"},
    {"host": "login2", "boot": ""},
    {"pids": "pid:[17]"},
    {"pids": "pid:[17]", "pid": 4194304},
    {"pids": None},
]


@pytest.mark.parametrize("changes", OTHERS)
def test_a_holder_elsewhere_that_shows_signs_of_life(journal: Path, changes: dict[str, Any]) -> None:
    mark = {**own_mark(journal), **changes}
    held(journal).write_text(json.dumps(mark))
    aged(held(journal), STALE / 2)
    assert_held(journal, mark["pid"], mark["host"], AWAY)


@pytest.mark.parametrize("changes", OTHERS)
def test_a_holder_elsewhere_that_shows_none(journal: Path, changes: dict[str, Any]) -> None:
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

    class Full(io.FileIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdopen", lambda file, mode: Full(file, mode))
        with pytest.raises(OSError, match="No space left"):
            JournalLock(journal).__enter__()
    assert_free(journal)


# -- one that was suspended


def taken_over(journal: Path, **changes: Any) -> str:
    """Let another run take the journal; what its file says."""
    mark = {**json.loads(held(journal).read_text()), "id": "other", "host": "login2", "pid": 7, **changes}
    held(journal).write_text(json.dumps(mark))
    return held(journal).read_text()


def test_a_holder_that_still_holds_goes_on(journal: Path) -> None:
    with JournalLock(journal) as lock:
        lock.check()
        aged(held(journal), 10 * STALE)  # it was suspended, and nobody came
        lock.check()


def test_a_holder_that_has_lost_the_journal_stops(journal: Path) -> None:
    with JournalLock(journal) as lock:
        mark = taken_over(journal)
        told = "^.*bag.journal: another start has taken this run over: process 7 on login2; this one stops"
        for _ in range(2):
            with pytest.raises(JournalLost, match=told):
                lock.check()
        with pytest.raises(JournalLost, match=told):
            lock.check(within=1000)  # known by now
    assert held(journal).read_text() == mark, "the lock of the other stays"


def test_equal_numbers_on_equal_hosts_are_not_taken_for_one(journal: Path) -> None:
    with JournalLock(journal) as lock:
        taken_over(journal, host=socket.gethostname(), pid=os.getpid())
        with pytest.raises(JournalLost):
            lock.check()


def test_a_holder_whose_file_is_gone_stops(journal: Path) -> None:
    with JournalLock(journal) as lock:
        held(journal).unlink()
        with pytest.raises(JournalLost, match=r"bag\.journal\.held is gone"):
            lock.check()
    assert list(journal.parent.iterdir()) == []


def test_a_file_that_a_start_looks_at_is_not_gone(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes it for stale puts it aside, and back when it is not."""
    with JournalLock(journal) as lock:
        aside = held(journal).rename(journal.with_name("aside"))
        monkeypatch.setattr(lock._stop, "wait", lambda _: aside.exists() and aside.rename(held(journal)))
        lock.check()
        monkeypatch.undo()


def test_a_look_now_and_then(journal: Path) -> None:
    with JournalLock(journal) as lock:
        taken_over(journal)
        lock.check(within=1000)  # it had the journal a moment ago
        with pytest.raises(JournalLost):
            lock.check(within=0)


def test_a_journal_that_was_lost_is_not_written_to(journal: Path) -> None:
    with JournalLock(journal) as lock, Journal(journal, lock.check) as notes:
        notes.begin(Header("run", 1, {}, {}))
        before = journal.read_bytes()
        taken_over(journal)
        with pytest.raises(JournalLost):
            notes.durably(TakenDown())
        assert journal.read_bytes() == before


def test_one_that_is_back_keeps_its_journal(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It touches its file just when another start has found it stale."""
    held(journal).write_text(json.dumps({**own_mark(journal), "host": "login2"}))
    aged(held(journal), STALE + 10)
    rename = Path.rename

    def touched_before(path: Path, target: Path) -> Path:
        os.utime(path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", touched_before)
    with pytest.raises(InputError, match="login2"):
        JournalLock(journal).__enter__()
    assert json.loads(held(journal).read_text())["host"] == "login2"


# -- file systems


def no_links(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_file_system_without_hard_links(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    with JournalLock(journal) as lock:
        assert held(journal).stat().st_mode & 0o777 == 0o600
        assert_held(journal, os.getpid(), socket.gethostname())
        lock.check()
    held(journal).write_text(json.dumps({**own_mark(journal), "process": "1"}))
    assert_free(journal)


@pytest.mark.parametrize("code", [errno.EEXIST, errno.EIO])
def test_a_link_whose_answer_was_lost(journal: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """The client of NFS asks again, and hears that there is such a file."""
    link = os.link

    def lost(source: Path, target: Path) -> None:
        link(source, target)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", lost)
    assert_free(journal)


def test_starts_with_one_number_on_two_hosts(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share the directory, and the number of their process."""
    other, link = JournalLock(journal), os.link

    def meanwhile(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        with other:
            pass
        link(source, target)

    monkeypatch.setattr(os, "link", meanwhile)
    assert_free(journal)


def test_what_killed_starts_have_left_is_removed(journal: Path) -> None:
    mine = own_mark(journal)
    old = [held(journal).with_name(f"{held(journal).name}.{name}") for name in ("4711", "0" * 32, "1" * 32 + ".old")]
    for path in old:
        path.write_text("")
        aged(path, STALE + 10)
    dead = held(journal).with_name(f"bag.journal.held.{'2' * 32}")
    dead.write_text(json.dumps({**mine, "process": "1"}))  # of a process that was here
    stays = [held(journal).with_name(f"bag.journal.held.{name}") for name in ("3" * 32, "backup", "1a")]
    for path in stays:
        path.write_text("")
    stays[0].write_text(json.dumps({**mine, "host": "another"}))  # and it may be about to take the journal
    aged(stays[1], STALE + 10)
    with JournalLock(journal):
        pass
    assert sorted(journal.parent.iterdir()) == sorted(stays)


@pytest.mark.parametrize("content", ["", '{"id": "0'])
def test_what_was_killed_before_it_could_say_who_it_is_is_removed_at_once(journal: Path, content: str) -> None:
    held(journal).with_name(f"bag.journal.held.{'0f' * 16}").write_text(content)
    with JournalLock(journal):
        assert sorted(path.name for path in journal.parent.iterdir()) == ["bag.journal.held"]


def test_who_is_taken_for_one_of_those_takes_the_journal_all_the_same(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def removed_before(path: Path, other: Path) -> None:
        path.unlink()
        link(path, other)

    monkeypatch.setattr(os, "link", removed_before)
    assert_free(journal)
