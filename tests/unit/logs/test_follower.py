"""Each line of a log is told once, whoever reads it, whenever it comes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.events.events import Event, OutputSeen
from jobbag.events.observation import LogPlace
from jobbag.logs import follower
from jobbag.logs.follower import Log, Reading
from jobbag.logs.splitter import SEPARATOR

from ..builders import job


class Told:
    """A log, and the lines that were told of it."""

    def __init__(self, *, launcher: bool = False) -> None:
        self.lines: list[str] = []
        self.sizes: list[int] = []
        self.log = Log(job(launcher=launcher), LogPlace("s"), self._saw, 0)

    def _saw(self, event: Event) -> None:
        assert isinstance(event, OutputSeen)
        self.lines += event.lines
        self.sizes.append(len(event.lines))

    def read(self, *events: tuple[int, str]) -> None:
        reading = Reading(self.log)
        for at, text in events:
            reading.take({"timestamp": at, "message": text})
        self.log.tell()


@st.composite
def logs(draw: Any) -> list[tuple[int, int, str]]:
    """Events with few timestamps, in the order of a reading: timestamp, when they can be read, text."""
    events = st.tuples(st.integers(1, 6), st.integers(0, 4), st.sampled_from("ab"))
    return sorted(draw(st.lists(events, max_size=25)), key=lambda event: event[:2])


@given(logs(), st.lists(st.integers(0, 6), min_size=5, max_size=5))
def test_lines_are_told_once_and_in_order_however_late_they_come(
    log: list[tuple[int, int, str]], since: list[int]
) -> None:
    """Each reading begins somewhere, the last one at the head."""
    told = Told()
    for step, first in enumerate([*since[:4], 0]):
        before = len(told.lines)
        visible = [(at, text) for at, came, text in log if came <= step and at >= first]
        told.read(*visible)
        new = iter(visible)
        assert all(any(line == text for _, text in new) for line in told.lines[before:])
    assert Counter(told.lines) == Counter(text for _, _, text in log)


def test_two_who_read_at_the_same_time_tell_each_line_once() -> None:
    told = Told()
    one, two = Reading(told.log), Reading(told.log)
    events = [{"timestamp": at // 2, "message": f"line {at}"} for at in range(10)]
    for first, second in ((0, 4), (4, 7), (7, 10)):
        for reading in (one, two):
            for event in events[first:second]:
                reading.take(event)
    told.log.tell()
    assert told.lines == [f"line {at}" for at in range(10)]


def test_a_page_that_comes_again_tells_nothing() -> None:
    told = Told()
    page = [(1, "a"), (1, "a"), (2, "b")]
    told.read(*page, *page, (3, "c"))
    assert told.lines == ["a", "a", "b", "c"]


def test_an_event_of_several_lines_and_the_lines_that_are_not_the_jobs() -> None:
    mark = f"{'#' * 24}[AWS BATCH] END 0a1b.2:3 17 {'#' * 24}"
    for launcher, last in ((True, []), (False, [mark])):
        told = Told(launcher=launcher)
        told.read((1, "one\ntwo"), (2, SEPARATOR), (3, ""), (4, "err"), (5, mark))
        assert told.lines == ["one", "two", "", "err", *last]


def test_a_line_in_pieces_is_told_as_one() -> None:
    told = Told()
    told.read((1, "x" * 16_384))
    assert told.lines == []
    told.read((1, "x" * 16_384), (1, "y"), (2, "z" * 16_384))
    assert told.lines == ["x" * 16_384 + "y"]
    told.log.tell(whole=True)
    assert told.lines[1:] == ["z" * 16_384]


def test_of_a_large_log_nothing_is_told_twice_and_not_all_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "REMEMBERED", 10)
    told = Told()
    events = [(at, f"line {at}") for at in range(1, 100)]
    for end in (30, 60, 99):
        told.read(*events[:end])
    assert told.lines == [text for _, text in events]


def test_many_lines_are_told_in_pieces() -> None:
    told = Told()
    told.read(*((at, "x") for at in range(1, 2 * follower.TOGETHER + 2)))
    assert told.sizes == [follower.TOGETHER, follower.TOGETHER, 1]
