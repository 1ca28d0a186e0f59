"""Clients that know of each other by small files, against a clock that the test moves."""

from __future__ import annotations

import errno
import gc
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobbag.rates.clients import LONGEST, PATIENCE, REFRESH, STALE, Clients

API = "SubmitJob@1"


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "clients"


def test_each_learns_what_the_others_want_of_the_same_api(clock: Clock, place: Path) -> None:
    first, second, third = Clients(place), Clients(place), Clients(place)
    assert first.tell(API, math.inf, clock.now + 2) == []
    assert second.tell(API, 3.0, clock.now + 2) == [math.inf]
    assert third.tell("SubmitJob@2", 1.0, clock.now + 2) == []  # of another account
    clock.now += REFRESH
    assert sorted(third.tell(API, 1.0, clock.now + 2)) == [3.0, math.inf]
    assert sorted(first.tell(API, math.inf, clock.now + 2)) == [1.0, 3.0]


def test_what_was_told_holds_for_its_time_whatever_became_of_the_client(clock: Clock, place: Path) -> None:
    first, second = Clients(place), Clients(place)
    first.tell(API, math.inf, clock.now + 2)
    assert second.tell(API, 1.0, clock.now + 2) == [math.inf]
    clock.now += 2
    assert second.tell(API, 1.0, clock.now + 2) == []


def test_a_client_that_has_ended_leaves_nothing(clock: Clock, place: Path) -> None:
    clients = Clients(place)
    clients.tell(API, 1.0, clock.now + 2)
    assert len(list(place.iterdir())) == 1
    del clients
    gc.collect()
    assert list(place.iterdir()) == []


def test_only_the_user_can_read_or_write_there(clock: Clock, place: Path) -> None:
    clients = Clients(place)
    clients.tell(API, 1.0, clock.now + 2)
    (file,) = place.iterdir()
    assert (place.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def nothing(place: Path) -> None:
    """The directory's parent is not there either."""
    place.parent.rename(place.parent.with_name("elsewhere"))


def open_to_others(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


def a_link(place: Path) -> None:
    (place.parent / "target").mkdir(0o700)
    place.symlink_to("target")


@pytest.mark.parametrize("spoil", [nothing, open_to_others, a_link, Path.touch])
def test_without_a_directory_of_the_users_alone_each_is_alone(
    clock: Clock, place: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(place)
    first, second = Clients(place), Clients(place)
    assert first.tell(API, math.inf, clock.now + 2) == second.tell(API, math.inf, clock.now + 2) == []
    assert not place.is_dir() or list(place.iterdir()) == []


def test_a_directory_that_can_be_used_again_is_used_after_a_while(clock: Clock, place: Path) -> None:
    first, second = Clients(place), Clients(place)
    place.touch()
    first.tell(API, math.inf, clock.now + 2)
    place.unlink()
    assert second.tell(API, 1.0, clock.now + 2 * PATIENCE / 3) == []
    clock.now += PATIENCE / 3
    assert first.tell(API, math.inf, clock.now + 2) == []
    clock.now += PATIENCE
    assert second.tell(API, 1.0, clock.now + 2) == []
    assert first.tell(API, math.inf, clock.now + 2) == [1.0]


def test_on_a_full_disk_the_others_are_heard_all_the_same(
    clock: Clock, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    first, second = Clients(place), Clients(place)
    first.tell(API, 1.0, clock.now + 2)
    monkeypatch.setattr(os, "pwrite", full)
    assert second.tell(API, math.inf, clock.now + 2) == [1.0]


def test_what_else_is_there_is_passed_over(clock: Clock, place: Path, tmp_path: Path) -> None:
    place.mkdir(0o700)
    (tmp_path / "secret").write_text(f"{API} 7.0 1001.0\n")
    (place / "link").symlink_to(tmp_path / "secret")
    (place / "directory").mkdir()
    os.mkfifo(place / "pipe")
    (place / "binary").write_bytes(b"\xff\x00\n\n")
    far = clock.now + 2 * LONGEST
    (place / "odd").write_text(f"{API}\n{API} x 1001\n{API} nan 1001\n{API} -1 1001\n{API} 5 {far}\n{API} 2 nan\n")
    (place / "torn").write_text(f"{API} 4.00 1001.00\n{API[:3]}")
    assert Clients(place).tell(API, math.inf, clock.now + 2) == [4.0]


def test_files_of_clients_that_were_killed_long_ago_are_removed(clock: Clock, place: Path) -> None:
    place.mkdir(0o700)
    (place / "old").write_text(f"{API} 4.00 1001.00\n")
    os.utime(place / "old", (time.time() - 2 * STALE,) * 2)
    clients = Clients(place)
    clients.tell(API, 1.0, clock.now + 2)
    assert not (place / "old").exists()


def test_the_others_are_not_looked_at_with_each_call(clock: Clock, place: Path) -> None:
    first, second = Clients(place), Clients(place)
    first.tell(API, 1.0, clock.now + 9)
    second.tell(API, 5.0, clock.now + 9)
    assert first.tell(API, 1.0, clock.now + 9) == []
    clock.now += REFRESH
    assert first.tell(API, 1.0, clock.now + 9) == [5.0]
