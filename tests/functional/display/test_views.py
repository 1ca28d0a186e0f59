"""What a person sees of a run on a terminal, and on what is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers.records import SHORT_LINE
from helpers.terminal import Terminal

TESTS = Path(__file__).parents[2]
PLAYER = [sys.executable, "-m", "functional.display.player"]
BAR = "━"
ENV = {"LANG": "C.UTF-8", "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "lib")])}

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Opens a terminal with a run of 5,000 jobs on it, which plays what it is told."""
    with ExitStack() as stack:

        def open_(tick: float = 0.01, how: str = "auto", env: dict[str, str] | None = None, **size: Any) -> Terminal:
            return stack.enter_context(
                Terminal([*PLAYER, str(tick), how], env={**ENV, **(env or {})}, cwd=tmp_path, **size)
            )

        yield open_


UNDER_WAY = (
    "files 40 4100000000",
    "sent a 1200000000",
    "upload b 34000000",
    "submit 1 4900",
    "job 1 3000 SUCCEEDED",
    "job 3001 3012 FAILED",
    "job 3013 4036 RUNNING",
    "job 4037 4448 RUNNABLE",
)


def frame(terminal: Terminal) -> list[str]:
    """The display, once it shows what was played until UNDER_WAY ended, to its last line."""
    lines = terminal.shows("412 RUNNABLE", "sending 39 files")
    return lines[next(number for number, line in enumerate(lines) if line.startswith("bag:")) :]


def test_a_run_in_eighty_columns(terminal: Open) -> None:
    shown = terminal()
    shown.say(*UNDER_WAY)
    first, bar, *rest = frame(shown)
    assert re.fullmatch(r"bag: 3,012 of 5,000 jobs done, 12 failed, 0:\d\d elapsed, time left unknown", first)
    assert bar == BAR * 46 + "✗" + "─" * 31
    assert re.sub(r", [\d.]+ (bytes|[kMGT]B)/s", "", "\n".join(rest)).splitlines() == [
        "jobs   100 to send, 452 SUBMITTED, 412 RUNNABLE, 1,024 RUNNING",
        "files  1 of 40 in S3, 1.2 GB of 4.1 GB",
        "sending 39 files",
    ]


def test_a_run_in_forty_columns(terminal: Open) -> None:
    shown = terminal(columns=40)
    shown.say(*UNDER_WAY)
    lines = frame(shown)
    assert max(map(len, lines)) <= 40
    assert (lines[0], lines[2]) == ("bag: 3,012 of 5,000 jobs done,", "time left unknown")
    assert lines[3] == BAR * 24 + "✗" + "─" * 15
    assert lines[4:7] == [
        "jobs   100 to send, 452 SUBMITTED,",
        "       412 RUNNABLE, 1,024 RUNNING",
        "files  1 of 40 in S3, 1.2 GB of 4.1 GB,",
    ]


def assert_one_frame(lines: list[str]) -> None:
    """There is one display, at the end, and all above it is log."""
    begin = next(number for number, line in enumerate(lines) if line.startswith("bag:"))
    assert all(SHORT_LINE.fullmatch(line) for line in lines[:begin]), lines
    assert sum(line.startswith("bag:") for line in lines) == 1
    assert sum(line.startswith("jobs ") for line in lines) == 1


def test_it_takes_the_new_size_of_a_terminal_in_the_middle(terminal: Open) -> None:
    shown = terminal(columns=120)
    shown.say("log before", *UNDER_WAY)
    frame(shown)
    for columns in (200, 80, 100):
        shown.resize(columns, 24)
        shown.say(f"log '{columns} columns'")
        shown.shows(f"{columns} columns", "sending 39 files")
        assert_one_frame(shown.all_lines)
    shown.resize(40, 24)
    shown.say("job 4037 4448 RUNNING")
    lines = shown.shows("1,436 RUNNING", "sending 39 files")
    assert max(map(len, lines)) <= 40
    assert sum(line.startswith("bag:") for line in lines) == 1
    assert shown.end() == 0


@pytest.mark.parametrize(("columns", "lines"), [(60, 24), (33, 24), (25, 24)])
def test_a_terminal_that_breaks_lines_when_it_is_made_narrower_keeps_no_piece(
    columns: int, lines: int, terminal: Open
) -> None:
    shown = terminal(columns=100, lines=lines, reflows=True)
    shown.say("log first", "log second", *UNDER_WAY)
    frame(shown)
    shown.resize(columns, lines)
    shown.say("log third")
    assert shown.end() == 0
    log = "".join(shown.all_lines)
    assert re.fullmatch(r".* first.* second.* third", log), shown.all_lines
    assert not re.search(f"bag:|{BAR}", log)


def test_a_terminal_of_few_lines_shows_what_it_can(terminal: Open) -> None:
    shown = terminal(lines=4)
    shown.say("log before", *UNDER_WAY)
    shown.until(lambda lines: len(lines) == 4 and lines[0].startswith("bag: 3,012"))
    shown.say("log after")
    assert shown.end() == 0
    assert [SHORT_LINE.fullmatch(line)["message"] for line in shown.all_lines if line] == [" before", " after"]  # type: ignore[index]


def test_log_lines_stand_above_it_whole_and_in_order(terminal: Open) -> None:
    """However many threads write them, and however often it is drawn."""
    shown = terminal(tick=0.001, lines=10)
    shown.say("submit 1 10", "flood 4 150", "job 1 1 RUNNING", "flood 4 150")
    assert shown.end() == 0
    log = [SHORT_LINE.fullmatch(line) for line in shown.all_lines if line]
    said = [found["message"] for found in log if found]
    assert len(said) == len(log) == 1200
    for number in range(4):
        own = [line for line in said if line.endswith(f" of {number}")]
        assert own == [f" line {line} of {number}" for line in range(150)] * 2


def test_a_frame_that_comes_with_a_log_line_is_of_the_same_moment(terminal: Open) -> None:
    shown = terminal(tick=0.3)
    shown.say("submit 1 10")
    shown.shows("10 SUBMITTED")
    shown.say("job 1 10 RUNNING", "log now")
    shown.shows("  now", "10 RUNNING")


def test_nothing_is_left_of_it_as_the_end_is_told_anyway(terminal: Open) -> None:
    shown = terminal()
    shown.say("files 1 17", "sent a 17", "submit 1 5000", "job 1 4999 SUCCEEDED", "job 5000 5000 FAILED", "log last")
    assert shown.end() == 0
    (line,) = shown.screen
    assert line.endswith("  last")
    assert shown.cursor[1] == 0
    assert not shown.cursor_is_hidden


def test_a_killed_run_leaves_a_terminal_with_a_cursor(terminal: Open) -> None:
    shown = terminal()
    shown.say("submit 1 10")
    shown.shows("10 SUBMITTED")
    shown.process.kill()
    shown.end()
    assert not shown.cursor_is_hidden


def test_it_says_what_is_made_before_the_jobs(terminal: Open) -> None:
    shown = terminal()
    shown.say("make compute-environment my-ce")
    shown.shows("creating the compute environment my-ce")


def test_without_color_there_is_none(terminal: Open) -> None:
    colored, plain = terminal(), terminal(env={"NO_COLOR": "1"})
    for shown in (colored, plain):
        shown.say(*UNDER_WAY)
        frame(shown)
    color = re.compile(rb"\x1b\[[\d;]*(3[0-8]|4[0-8]|9\d)[\d;]*m")
    assert color.search(colored.raw)
    assert not color.search(plain.raw)


def test_where_there_is_no_unicode_there_is_a_display_all_the_same(terminal: Open) -> None:
    shown = terminal(env={"PYTHONIOENCODING": "ascii:strict"})
    shown.say(*UNDER_WAY)
    assert frame(shown)[1] == "=" * 46 + "x" + "-" * 31


@pytest.mark.parametrize("how", ["dumb", "plain"])
def test_lines_in_the_log_where_a_display_is_not_wanted_or_not_possible(how: str, terminal: Open) -> None:
    shown = terminal(tick=0.05, columns=400, **({"env": {"TERM": "dumb"}} if how == "dumb" else {"how": how}))
    shown.say(*UNDER_WAY)
    shown.shows("412 in RUNNABLE")
    assert shown.end() == 0
    assert (b"\x1b" in shown.raw) == (how == "plain")  # where it has colours
    assert all(SHORT_LINE.fullmatch(line) for line in shown.screen)


def test_nothing_where_nothing_is_wanted(terminal: Open) -> None:
    shown = terminal(how="off")
    shown.say(*UNDER_WAY, "log said")
    assert shown.end() == 0
    (line,) = shown.screen
    assert line.endswith("  said")


def test_lines_in_the_log_where_there_is_no_terminal(tmp_path: Path) -> None:
    """And only when something has changed."""
    player = subprocess.Popen(
        [*PLAYER, "0.01", "auto"],
        env=ENV, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert player.stdin is not None
    assert player.stderr is not None
    said, last = [""], []
    for line, awaited in (("submit 1 4", " 4 SUBMITTED"), ("job 1 3 SUCCEEDED", " 3 SUCCEEDED")):
        player.stdin.write(f"{line}\n")
        player.stdin.flush()
        while awaited not in said[-1]:  # a line may come in the middle of what is played
            said.append(re.sub(r"^.*\[views\] |\d:\d\d elapsed", "", player.stderr.readline().rstrip()))
        last.append(said[-1])
    _, rest = player.communicate(timeout=60)
    assert rest == ""
    assert len(set(said)) == len(said)
    assert last == [
        "0 of 5,000 jobs done; 4,996 to send, 4 SUBMITTED; , time left unknown; submitting 4,996 jobs; "
        "waiting for 4 jobs in SUBMITTED",
        "3 of 5,000 jobs done; 4,996 to send, 1 SUBMITTED, 3 SUCCEEDED; , time left unknown; submitting 4,996 jobs; "
        "waiting for 1 job in SUBMITTED",
    ]
