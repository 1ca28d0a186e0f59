"""The lines of the live display, in whatever width."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from jobbag.display.live import WIDEST, Frame, Screen, flow
from jobbag.display.progress import Snapshot
from jobbag.events.outcome import Verdict
from jobbag.terminal import Look

PARTS = st.lists(st.text("ab漢é", min_size=1, max_size=12), max_size=8)


@given(PARTS, st.integers(1, 40), st.sampled_from(["", "jobs   "]))
def test_lines_are_broken_between_parts_only_and_are_no_wider_than_they_must_be(
    parts: list[str], width: int, label: str
) -> None:
    lines = list(flow(parts, width, label))
    assert lines[0].startswith(label)
    assert all(line.startswith(" " * len(label)) for line in lines[1:])
    assert [part for line in lines for part in line[len(label) :].split()] == parts
    for line in lines:
        assert cell_len(line) <= width or len(line[len(label) :].split()) <= 1


LOOK = Look(terminal=True, dumb=False, colour=True, letters=True)


def drawn(now: Snapshot | None, width: int = 80) -> list[str]:
    """The lines of a frame, without colors."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, legacy_windows=False)
    frame = Frame("bag")
    frame.now = now
    with console.capture() as shown:
        console.print(frame, end="")
    lines = shown.get().splitlines()
    assert frame.cells == [cell_len(line) for line in lines]
    return [line.rstrip() for line in lines]


RUN = Snapshot(
    {"RUNNABLE": 2, "RUNNING": 1, "SUCCEEDED": 1000, "FAILED": 1},
    others={Verdict.FAILED: 1},
    files=(1, 3),
    size=(1_000_000, 2_000_000),
    elapsed=61,
    waits_for="waits for the files",
)


def test_all_that_is_known_in_a_wide_terminal() -> None:
    first, bar, *others = drawn(RUN, 200)
    assert first.startswith("bag: 1,001 of 1,004 jobs done, 1 failed, ")
    assert first.endswith("time left unknown")
    assert len(bar) <= WIDEST
    assert others == [
        "jobs   2 RUNNABLE, 1 RUNNING",
        "files  1 of 3 in S3, 1.0 MB of 2.0 MB",
        "waits for the files",
    ]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(cell_len(line) <= width for line in drawn(RUN, width))


def test_nothing_is_said_of_what_there_is_not() -> None:
    first, bar = drawn(Snapshot({"SUCCEEDED": 2}))
    assert (first.split()[0], bar) == ("bag:", "━" * WIDEST)
    assert drawn(None) == []


@pytest.mark.parametrize(
    ("jobs", "failed", "bar"),
    [
        ({"RUNNING": 4}, 0, "────────"),
        ({"SUCCEEDED": 1, "RUNNING": 3}, 0, "━━──────"),
        ({"SUCCEEDED": 2, "FAILED": 1, "RUNNING": 1}, 1, "━━━━✗✗──"),
        ({"SUCCEEDED": 9_998, "FAILED": 1, "RUNNING": 1}, 1, "━━━━━━━✗"),  # one is enough to be seen
        ({"FAILED": 3}, 3, "✗✗✗✗✗✗✗✗"),
        ({"SUCCEEDED": 2, "FAILED": 2}, 0, "━━━━────"),  # they were stopped
    ],
)
def test_the_bar_shows_what_succeeded_and_what_failed(jobs: dict[str, int], failed: int, bar: str) -> None:
    now = Snapshot(jobs, others={Verdict.FAILED: failed} if failed else {})
    assert bar in drawn(now, len(bar))


def test_the_bar_has_colours_that_mean_something() -> None:
    terminal = io.StringIO()
    screen = Screen(terminal, "bag", LOOK)
    screen.show(Snapshot({"SUCCEEDED": 2, "FAILED": 1, "RUNNING": 1}, others={Verdict.FAILED: 1}))
    parts = re.findall(r"\x1b\[(\d+)m(━+|✗+|─+)\x1b\[0m", terminal.getvalue())
    assert [(colour, part[0]) for colour, part in parts] == [("32", "━"), ("31", "✗"), ("2", "─")]


def test_lines_of_the_log_stand_above_the_frame_whole() -> None:
    terminal = io.StringIO()
    screen = Screen(terminal, "bag\x1b[2J", LOOK)
    screen.show(RUN, "a line of the log\n")
    screen.close()
    written = terminal.getvalue()
    assert "a line of the log" in written
    assert written.index("a line of the log") < written.rindex("jobs done")
    assert "\x1b[2J" not in written, "a title steers no terminal"
    assert not written.rstrip().endswith("\x1b[?25l"), "the cursor is shown"
