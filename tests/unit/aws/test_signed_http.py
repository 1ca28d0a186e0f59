"""The body of an answer, as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from jobbag.aws.faults import NoAnswer
from jobbag.aws.signed_http import _pieces


class Source:
    """A response of urllib3; each part takes so many seconds of a clock that stands otherwise."""

    def __init__(self, parts: Iterator[bytes], seconds: float, clock: list[float], length: int | None = None) -> None:
        self._parts, self._seconds, self._clock = parts, seconds, clock
        self.length_remaining = length

    def read1(self, _: int) -> bytes:
        self._clock[0] += self._seconds
        part = next(self._parts, b"")
        if self.length_remaining is not None:
            self.length_remaining -= len(part)
        return part


def body(source: Source) -> bytes:
    return b"".join(_pieces(source, "AWS Batch", "http://x"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_slow_body_is_whole_all_the_same(clock: list[float]) -> None:
    parts = [b"x" * 2000] * 100
    assert body(Source(iter(parts), 1.0, clock, 200_000)) == b"".join(parts)


def test_a_body_that_hardly_comes_is_given_up(clock: list[float]) -> None:
    with pytest.raises(NoAnswer, match=r"AWS Batch answered .* only 11 bytes came in 20 s"):
        body(Source(iter([b"x"] * 1000), 2.0, clock, 1000))


def test_a_body_that_breaks_off_is_no_answer(clock: list[float]) -> None:
    with pytest.raises(NoAnswer, match="it broke off after 3 bytes"):
        body(Source(iter([b"abc"]), 0.0, clock, 10))
