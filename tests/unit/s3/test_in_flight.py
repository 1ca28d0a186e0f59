"""How many requests are under way at once, by a service and a clock that are played."""

from __future__ import annotations

import resource
import threading
import time
from contextlib import ExitStack

import pytest
from botocore.exceptions import ClientError

from jobbag.s3.in_flight import FIRST, WINDOW, InFlight, possible

SLOW_DOWN = ClientError({"Error": {"Code": "SlowDown", "Message": ""}}, "PutObject")


class Service:
    """Answers `at_once` requests in each WINDOW, however many more are under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int, at_once: int) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.in_flight = InFlight(most)
        self.at_once = at_once

    def room(self) -> int:
        """How many are let through before one has to wait."""
        return self.in_flight._limit

    def answer(self, windows: int) -> None:
        """Let some time pass, in which there is always somebody who waits."""
        for _ in range(windows):
            at_once = min(self.room(), self.at_once)
            for left in reversed(range(self.room())):
                self.in_flight._was_full = True
                self.now += 0 if left else WINDOW * self.room() / at_once
                with self.in_flight.one():
                    pass


def test_more_are_under_way_as_long_as_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(monkeypatch, most=1000, at_once=200)
    assert service.room() == FIRST
    service.answer(10)
    assert 200 <= service.room() <= 512  # of which the last doubling was in vain


def test_never_more_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(monkeypatch, most=50, at_once=1000)
    service.answer(10)
    assert service.room() == 50
    assert InFlight(4)._limit == 4


def test_a_service_that_says_slow_down_gets_half(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(monkeypatch, most=1000, at_once=1000)
    service.answer(3)
    before = service.room()
    with pytest.raises(ClientError), service.in_flight.one():
        raise SLOW_DOWN
    assert service.room() == before // 2
    for _ in range(20):
        with pytest.raises(ClientError), service.in_flight.one():
            raise SLOW_DOWN
    assert service.room() == 1


def test_who_is_too_many_waits_until_one_is_done() -> None:
    in_flight = InFlight(2)
    went = threading.Event()

    def one_more() -> None:
        with in_flight.one():
            went.set()

    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(in_flight.one())
        stack.enter_context(in_flight.one())
        thread = threading.Thread(target=one_more)
        thread.start()
        assert not went.wait(0.05)
        first.close()
        assert went.wait(10)
        thread.join()


@pytest.mark.parametrize(
    ("limit", "requests"), [(20, 1), (64, 8), (256, 56), (1024, 128), (resource.RLIM_INFINITY, 128)]
)
def test_there_are_no_more_than_open_files_allow(limit: int, requests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert possible(128) == requests
    assert possible(1) == 1
