"""Numbers as people read them."""

from __future__ import annotations

import pytest

from jobbag.text import about, clock, counted, one_line, plain, span


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


def test_what_controls_a_terminal_is_made_visible() -> None:
    assert plain("a\nb\r\x1b[31m\x7f\x9b\tc") == "a\\nb\\r\\x1b[31m\\x7f\\x9b\tc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in\u202ecod.exe", "in\\u202ecod.exe"),
        ("\u2066a\u2069", "\\u2066a\\u2069"), ("\u200f\u200e", "\\u200f\\u200e"),
        ("\u061c", "\\u061c"), ("a\u2028b\u2029", "a\\u2028b\\u2029"), ("\ufeff\u200b", "\\ufeff\\u200b"),
        ("\U000e0041", "\\U000e0041"),
    ],
)  # fmt: skip
def test_what_changes_the_order_of_text_is_made_visible(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert one_line(text) == text


@pytest.mark.parametrize("text", ["häß", "שלום", "سلام", "名前", "\U0001f469\u200d\U0001f52c", "\u06cc\u200c\u062e"])
def test_letters_of_all_languages_stay(text: str) -> None:
    assert plain(text) == text
