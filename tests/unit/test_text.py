"""Numbers as people read them."""

from __future__ import annotations

import pytest

from jobbag.text import about, clock, counted, span


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
