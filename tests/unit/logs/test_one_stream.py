"""A long stream that is read at several places at once has what one reading has, in the same order."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.events.observation import LogPlace
from jobbag.logs import one_stream
from jobbag.logs.one_stream import all_pages

PLACE = LogPlace("s", "/mine", "eu-west-3")
SMALL = {"LONG": 3, "STRETCH": 4, "AT_ONCE": 3, "AHEAD": 2}


class Stream(Cloud):
    """GetLogEvents of one stream: pages of so many events, some of them empty, by tokens as AWS's."""

    embedded = False

    def __init__(
        self, times: Sequence[int], size: int = 2, *, empty: int = 0, late: int = 0, includes_end: bool = False
    ) -> None:
        """`empty`: each so-manyth call finds nothing; `late`: so many events come when two calls were made;
        `includes_end`: endTime is taken for a part of the time."""
        made = [
            {"timestamp": at, "ingestionTime": at, "message": str(number)} for number, at in enumerate(sorted(times))
        ]
        self.events = made[: len(made) - late]
        self._late = made[len(made) - late :]
        self._size, self._empty, self._includes_end = size, empty, includes_end
        self._lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        assert (service, operation, region) == ("logs", "GetLogEvents", "eu-west-3")
        with self._lock:
            self.asked.append(params)
            if len(self.asked) == 3:
                self.events = self.events + self._late
            finds = not self._empty or len(self.asked) % self._empty
            since, until = params.get("startTime", 0), params.get("endTime", 10**12) + self._includes_end
            found = [event for event in self.events if since <= event["timestamp"] < until]
            if not params["startFromHead"]:
                return {"events": found[-1:], "nextBackwardToken": "b", "nextForwardToken": "f"}
            start, skipped = map(int, params.get("nextToken", "0/0").split("/"))
            page = found[start : start + self._size] if finds else []
            more = start + len(page) if page else start
            if not page and not finds and start < len(found):
                skipped += 1  # an empty page that is not the end
            return {"events": page, "nextForwardToken": f"{more}/{0 if page else skipped}", "nextBackwardToken": "b"}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(one_stream, name, value)


def numbers(stream: Stream) -> list[int]:
    return [int(event["message"]) for page in all_pages(stream, PLACE) for event in page]


def stretches(stream: Stream) -> list[tuple[int, int | None]]:
    return list(dict.fromkeys((one["startTime"], one.get("endTime")) for one in stream.asked if "startTime" in one))


DENSE = st.lists(st.integers(1_000, 1_200), min_size=40, max_size=200)
BURSTS = st.lists(st.sampled_from([1_000, 1_001, 1_500, 90_000, 90_001, 5_000_000]), max_size=120)


@given(
    st.one_of(DENSE, BURSTS, st.builds(lambda one, two: one + two, DENSE, BURSTS)),
    st.integers(1, 7),
    st.sampled_from([0, 2, 3, 5]),
    st.booleans(),
)
def test_all_events_come_once_and_in_their_order(times: list[int], size: int, empty: int, includes_end: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(one_stream, name, value)
        stream = Stream(times, size, empty=empty, includes_end=includes_end)
        assert numbers(stream) == list(range(len(times)))


@given(DENSE, st.integers(1, 5))
def test_events_that_come_while_it_is_read_come_once_and_in_order(times: list[int], late: int) -> None:
    """Those at the end, where a stream grows."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(one_stream, name, value)
        assert numbers(Stream(times, late=late)) == list(range(len(times)))


def test_a_long_stream_is_read_in_stretches_that_end_between_two_milliseconds() -> None:
    stream = Stream(range(1_000, 1_400))
    assert numbers(stream) == list(range(400))
    found = stretches(stream)
    assert len(found) > 10
    for (_, until), (since, _) in pairwise(found):
        assert until == since
    assert found[-1][1] is None, "what comes meanwhile belongs to the last one"
    assert len(stream.asked) <= 400 / 2 * 1.5


def test_a_short_stream_is_read_as_ever() -> None:
    stream = Stream(range(1_000, 1_012))
    assert numbers(stream) == list(range(12))
    assert stretches(stream) == []


def test_the_stretches_are_longer_where_there_is_less() -> None:
    stream = Stream([*range(1_000, 1_100), *range(100_000, 100_100)])
    assert numbers(stream) == list(range(200))
    assert len(stretches(stream)) < 60


def test_not_more_is_read_ahead_than_there_is_room_for() -> None:
    stream = Stream(range(1_000, 3_000))
    taken: Iterator[Any] = all_pages(stream, PLACE)
    for _ in range(SMALL["LONG"] + 1):
        next(taken)
    for thread in threading.enumerate():
        if thread.name == "log reader":
            thread.join(0.05)
    assert len(stream.asked) <= SMALL["LONG"] + 2 + SMALL["AT_ONCE"] * (SMALL["AHEAD"] + 4)
    taken.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name == "log reader":
            thread.join(10)
            assert not thread.is_alive()


def test_an_error_in_the_middle_is_met_behind_what_came_before_it() -> None:
    class Failing(Stream):
        def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
            if params.get("startTime", 0) > 1_200:
                raise AwsError(operation, "AccessDeniedException", "no")
            return super().call(service, operation, region, **params)

    found: list[int] = []
    taken = (int(event["message"]) for page in all_pages(Failing(range(1_000, 1_400)), PLACE) for event in page)
    with pytest.raises(AwsError, match="no"):
        found.extend(taken)
    assert found == list(range(len(found)))
    assert len(found) >= 190


def test_without_threads_it_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: object) -> None:
        raise RuntimeError("can't start new thread")

    stream = Stream(range(1_000, 1_400))
    monkeypatch.setattr(threading.Thread, "start", none)
    assert numbers(stream) == list(range(400))
