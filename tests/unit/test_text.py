"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.text import about, clock, counted, in_bytes, span


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (99_950, "100 kB"), (999_499, "999 kB"),
        (999_500, "1.0 MB"), (30_000_000, "30.0 MB"), (2 * 1024**3, "2.1 GB"), (5e12, "5.0 TB"), (5e15, "5,000.0 TB"),
    ],
)  # fmt: skip
def test_bytes(size: float, words: str) -> None:
    assert in_bytes(size) == words


@given(st.floats(0, 9e14))
def test_bytes_are_short(size: float) -> None:
    assert len(in_bytes(size)) <= len("999.9 TB")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (18367, "5:06:07"), (360000, "100:00:00")]
)
def test_a_clock(seconds: float, words: str) -> None:
    assert clock(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599.9, "59 min 59 s"), (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"), (86_400, "1 d 0 h"), (100 * 86_400, "100 d 0 h"),
    ],
)  # fmt: skip
def test_a_duration(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"), (29, "less than a minute"), (31, "about 1 min"), (361, "about 6 min"),
        (3580, "about 1 h"), (3600, "about 1 h"), (8000, "about 2 h 13 min"), (40_000, "about 11 h"),
    ],
)  # fmt: skip
def test_an_estimate(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_numbers_of_things() -> None:
    assert [counted(number, "job") for number in (0, 1, 2, 12345)] == ["0 jobs", "1 job", "2 jobs", "12,345 jobs"]
