"""What a person is asked who presses Ctrl-C, on a real terminal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helpers.terminal import Terminal

TESTS = Path(__file__).parents[2]
ASKER = [sys.executable, "-m", "functional.display.asker"]
ENV = {"LANG": "C.UTF-8", "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "lib")])}
CTRL_C, CTRL_D = "\x03", "\x04"
QUESTION = "40 jobs run. t: terminate, d: detach, Enter: go on"

Open = Callable[..., Terminal]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Open]:
    """Opens a terminal with a run that has just been interrupted by Ctrl-C."""
    with ExitStack() as stack:

        def open_(how: str = "auto") -> Terminal:
            terminal = stack.enter_context(Terminal([*ASKER, how], env=ENV, cwd=tmp_path, typing=True))
            terminal.shows("ready")
            terminal.type(CTRL_C)
            terminal.shows(QUESTION)
            return terminal

        yield open_


def said(terminal: Terminal) -> list[str]:
    """The lines on the screen, without their time."""
    return [line[9:] if line[2:3] == line[5:6] == ":" else line for line in terminal.screen if line]


@pytest.mark.parametrize(("answer", "heard"), [("t", "end"), ("D", "go on"), ("detach", "go on")])
@pytest.mark.parametrize("how", ["auto", "off"])
def test_the_answer_decides(how: str, answer: str, heard: str, asked: Open) -> None:
    terminal = asked(how)
    terminal.type(f"{answer}\n")
    assert terminal.end() == 0
    _, question, last = said(terminal)
    assert question.endswith(f"{QUESTION} {answer}")
    assert last == f"  SIGINT, jobs {heard}"


def test_a_second_ctrl_c_terminates(asked: Open) -> None:
    terminal = asked()
    terminal.type(CTRL_C)
    assert terminal.end() == 0
    assert said(terminal)[-1] == "  SIGINT, jobs end"


@pytest.mark.parametrize("how", ["auto", "off"])
def test_enter_goes_on_and_what_was_said_meanwhile_stands_below(how: str, asked: Open) -> None:
    terminal = asked(how)
    terminal.process.send_signal(signal.SIGUSR1)
    terminal.type("what?\n")
    terminal.until(lambda lines: sum(QUESTION in line for line in lines) == 2)  # it asks again
    terminal.type("\n")
    terminal.shows("said meanwhile")
    terminal.type(CTRL_C)
    terminal.until(lambda lines: sum(QUESTION in line for line in lines) == 3)
    terminal.type("t\n")
    assert terminal.end() == 0
    lines = [line.partition("^C")[2] or line for line in said(terminal)]
    assert lines == [
        "  ready", f"{QUESTION} what?", QUESTION, "  said meanwhile", f"{QUESTION} t", "  SIGINT, jobs end",
    ]  # fmt: skip


def test_another_signal_answers(asked: Open) -> None:
    terminal = asked()
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 0
    assert said(terminal)[-1] == "  SIGTERM, jobs end"


def test_the_end_of_its_input_goes_on(asked: Open) -> None:
    terminal = asked()
    terminal.type(CTRL_D)
    terminal.process.send_signal(signal.SIGUSR1)
    terminal.shows("said meanwhile")


def test_who_comes_back_to_it_is_asked_again(asked: Open) -> None:
    terminal = asked()
    terminal.process.send_signal(signal.SIGSTOP)
    terminal.process.send_signal(signal.SIGCONT)
    terminal.until(lambda _: terminal.raw.count(QUESTION.encode()) == 2)
    assert sum(QUESTION in line for line in terminal.screen) == 1
    terminal.type("d\n")
    assert terminal.end() == 0
    assert said(terminal)[-1] == "  SIGINT, jobs go on"


def test_in_the_background_it_takes_no_answer_and_is_not_stopped(asked: Open) -> None:
    terminal = asked()
    terminal.process.send_signal(signal.SIGUSR2)
    terminal.until(lambda _: not terminal.is_in_foreground)
    terminal.type("t\n")
    terminal.process.send_signal(signal.SIGCONT)
    terminal.shows("bag: ")  # the question is withdrawn
    terminal.process.send_signal(signal.SIGUSR1)
    terminal.shows("said meanwhile")
    terminal.process.send_signal(signal.SIGINT)  # where nobody can be asked, it counts
    terminal.shows("SIGINT, jobs end")
