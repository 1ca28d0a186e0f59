"""What is left of an embedded AWS that was killed, and of one that is in use."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from helpers.waiting import is_alive, wait_until
from jobbag.local import workplace
from jobbag.local.workplace import Workplace


@pytest.fixture
def tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of temporary directories."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_leaves_nothing(tmp: Path) -> None:
    with Workplace() as place:
        (place.directory / "a").mkdir(mode=0o500)
        assert place.directory.parent == tmp
        assert place.directory.stat().st_mode & 0o777 == 0o700
    assert list(tmp.iterdir()) == []


def test_a_stale_directory_is_removed_with_what_runs_there(tmp: Path) -> None:
    """The start that made it was killed, and its watchdog, too."""
    stale = tmp / f"{workplace.PREFIX}stale"
    (stale / "job" / "work").mkdir(parents=True)
    (stale / "job").chmod(0o500)
    left = subprocess.Popen(["/bin/sleep", "1000"], env={"HOME": f"{stale}/job/work"}, cwd="/")
    with Workplace() as place:
        assert list(tmp.iterdir()) == [place.directory]
    assert left.wait(10) == -signal.SIGKILL


def test_what_is_in_use_or_somebody_elses_stays(tmp: Path) -> None:
    others = [tmp / "jobbag-local-1", tmp / "notes"]
    for path in others:
        path.mkdir()
    link = tmp / f"{workplace.PREFIX}link"
    link.symlink_to(tmp / "notes")
    (tmp / "notes" / "mine").touch()
    with Workplace() as first, Workplace() as second:
        assert first.directory.is_dir()
        assert second.directory.is_dir()
    assert sorted(tmp.iterdir()) == sorted([*others, link])
    assert (tmp / "notes" / "mine").exists()


def test_a_new_directory_that_another_start_takes_for_stale(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks between the making and the lock."""
    lock = fcntl.flock

    def meanwhile(file: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        workplace.remove_stale()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with Workplace() as place:
        assert list(tmp.iterdir()) == [place.directory]


def test_a_file_system_without_locks(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with Workplace() as first, Workplace():
        assert first.directory.is_dir()
    assert list(tmp.iterdir()) == []


def test_the_watchdog_ends_the_sessions_of_jobs(tmp: Path) -> None:
    """Here of one that has nothing of the environment that it was given."""
    place = Workplace().__enter__()
    script = "(exec sleep 1000) & echo $!; exec sleep 1000"
    job = subprocess.Popen(
        ["/bin/sh", "-c", script], env={}, cwd="/", stdout=subprocess.PIPE, start_new_session=True, bufsize=0
    )
    assert job.stdout is not None
    with job.stdout as out, place.guarded(job.pid):
        child = int(out.readline())
        assert place._watchdog.stdin is not None
        place._watchdog.stdin.close()  # as when this process is killed
        assert job.wait(10) == -signal.SIGKILL
        wait_until(lambda: not is_alive(child), what="the end of its child")
    place._watchdog.wait(10)
    assert not place.directory.exists()
    place.__exit__(None, None, None)
    assert list(tmp.iterdir()) == []
