"""What a container wrote is what comes back, however the log driver makes events of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.logs.lines import Lines

EVENT, BUFFER, OLD = 262_118, 262_144, 16_384


def event(at: int, text: str) -> dict[str, Any]:
    return {"timestamp": at, "message": text}


def read(events: Sequence[dict[str, Any]]) -> list[str]:
    lines = Lines()
    return [line for one in events for line in lines.take(one)] + list(lines.rest())


def cut(line: str, *sizes: int) -> Iterator[str]:
    """The pieces that a driver makes of a line, which may be cut before by what reads the output: large sizes first."""
    if not sizes:
        yield line
        return
    for at in range(0, len(line) or 1, sizes[0]):
        yield from cut(line[at : at + sizes[0]], *sizes[1:])


LENGTHS = st.sampled_from(
    [0, 1, 100, OLD - 1, OLD, OLD + 1, 3 * OLD, EVENT - 1, EVENT, EVENT + 1, BUFFER, 2 * BUFFER + 7]
)


@given(st.lists(LENGTHS.map(lambda size: "x" * size), max_size=5), st.sampled_from([(EVENT,), (BUFFER, EVENT), (OLD,)]))
def test_a_line_that_is_too_long_for_an_event_is_put_together(lines: list[str], sizes: tuple[int, ...]) -> None:
    events = [event(at, piece) for at, line in enumerate(lines) for piece in cut(line, *sizes)]
    assert read(events) == lines


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=5), min_size=1),
        max_size=5,
    )
)
def test_with_a_multiline_option_an_event_is_lines_that_end(together: list[list[str]]) -> None:
    events = [event(7, "".join(f"{line}\n" for line in lines)) for lines in together]
    assert read(events) == [line for lines in together for line in lines]


def test_a_long_multiline_event_goes_on_in_the_next() -> None:
    text = "first\n" + "x" * 300_000 + "\nlast\n"
    assert read([event(1, piece) for piece in cut(text, EVENT)]) == ["first", "x" * 300_000, "last"]


@pytest.mark.parametrize("length", [OLD - 1, OLD + 1, 20_000])
def test_lines_of_one_millisecond_stay_apart(length: int) -> None:
    assert read([event(1, "x" * length), event(1, "y"), event(1, "z")]) == ["x" * length, "y", "z"]


def test_a_line_of_the_old_size_stays_apart_where_longer_ones_are_whole() -> None:
    lines = ["x" * 20_000, "x" * OLD, "y"]
    assert read([event(1, line) for line in lines]) == lines


def test_letters_count_as_they_are_stored() -> None:
    assert read([event(1, "é" * (EVENT // 2)), event(1, "rest"), event(1, "next")]) == [
        "é" * (EVENT // 2) + "rest",
        "next",
    ]
