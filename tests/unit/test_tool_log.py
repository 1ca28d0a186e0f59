"""The tool's own log: its format, its levels, and the numbered files."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.errors import InputError
from jobbag.options.table import LOG_LEVELS
from jobbag.terminal import Mark, Tone
from jobbag.text import plain
from jobbag.tool_log import TRACE, ToolLog, style

LOG = logging.getLogger("jobbag.some.module")
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (ERROR|WARN |INFO |DEBUG|TRACE) \[\w+\] \S.*")


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("jobbag")
    before, handlers = (
        (logger.level, logger.propagate),
        [*logger.handlers],
    )  # jobbag.api has left one, where it was imported
    yield
    logger.setLevel(before[0])
    logger.propagate = before[1]
    left = (one for one in logger.handlers if not type(one).__module__.startswith("_pytest"))
    assert [one for one in left if one not in handlers] == []


def say_all() -> None:
    for level, text in ((40, "error"), (30, "warn"), (20, "info"), (10, "debug"), (TRACE, "trace")):
        LOG.log(level, "this is %s", text)


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_a_level_shows_itself_and_all_above_it(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog(level, None):
        say_all()
    shown = [line.rpartition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert shown == list(LOG_LEVELS[: LOG_LEVELS.index(level) + 1])


def test_the_format_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog("trace", None):
        say_all()
    lines = capsys.readouterr().err.splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert [line[24:29] for line in lines] == ["ERROR", "WARN ", "INFO ", "DEBUG", "TRACE"]
    assert lines[2].endswith(" INFO  [test_tool_log] this is info")


def test_what_a_job_says_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog("info", None):
        LOG.info("job %s", "a\x1b[2J\nb\rc\td\x9b\0")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("job a\\x1b[2J\\nb\\rc\td\\x9b\\x00")


@given(st.text())
def test_plain_text_is_printable_and_on_one_line(text: str) -> None:
    shown = plain(text)
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", shown)
    if text.isprintable():
        assert shown == text


def test_an_error_shows_where_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog("debug", None):
        try:
            raise ValueError("a\x1bb")
        except ValueError as error:
            LOG.debug("it ends", exc_info=error)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "ValueError: a\\x1bb" in err


class Lines:
    """Takes a line each time."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def write(self, text: str, /) -> None:
        self.taken.append(text)


def test_the_log_of_the_terminal_can_go_through_a_display(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    display = Lines()
    with ToolLog("info", None) as log:
        LOG.info("before")
        with log.through(display):
            LOG.info("one")
            LOG.info("two")
        LOG.info("after")
    assert [line.rpartition("] ")[2] for line in display.taken] == ["one\n", "two\n"]
    assert [line.rpartition("] ")[2] for line in capsys.readouterr().err.splitlines()] == ["before", "after"]
    with ToolLog("info", tmp_path / "log") as log, log.through(display):
        log.open()
        LOG.info("into the file")
    assert len(display.taken) == 2


# -- log files


def test_no_run_overwrites_the_log_of_another(tmp_path: Path) -> None:
    base = tmp_path / "m.log"
    (tmp_path / "m.log.001").write_text("mine")
    opened = []
    for number in range(3):
        with ToolLog("info", base) as log:
            opened.append(log.open())
            LOG.info("run %d", number)
    assert opened == [tmp_path / f"m.log.{number}" for number in ("000", "002", "003")]
    assert [path.read_text().rpartition("] ")[2] for path in opened if path] == ["run 0\n", "run 1\n", "run 2\n"]
    assert (tmp_path / "m.log.001").read_text() == "mine"
    assert not base.exists()


def test_what_was_logged_before_the_file_was_opened_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ToolLog("info", tmp_path / "log") as log:
        LOG.info("before")
        log.open()
        LOG.info("after")
        log.error(["it went wrong"])
    lines = (tmp_path / "log.000").read_text().splitlines()
    assert [line.rpartition("] ")[2] for line in lines] == ["before", "after", "it went wrong"]
    assert capsys.readouterr().err == ""


def test_a_run_that_never_began_writes_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog("info", tmp_path / "log") as log:
        LOG.info("before")
        log.error(["usage"])
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""
    with ToolLog("debug", tmp_path / "log"):
        LOG.debug("why")
    assert list(tmp_path.iterdir()) == []
    assert "why" in capsys.readouterr().err


def test_a_log_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with ToolLog("info", tmp_path / "no" / "log") as log, pytest.raises(InputError) as caught:
        log.open()
    assert "--log-file" in str(caught.value)


def test_a_log_file_on_a_full_disk_is_told_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ToolLog("info", tmp_path / "log") as tool_log:
        path = tool_log.open()
        (handler,) = (one for one in logging.getLogger("jobbag").handlers if isinstance(one, logging.FileHandler))
        handler.close()
        handler.stream = open("/dev/full", "w")  # noqa: SIM115
        for _ in range(3):
            LOG.info("words")
        with suppress(OSError):
            handler.stream.close()
        handler.stream = open(os.devnull, "w")  # noqa: SIM115
    assert capsys.readouterr().err == f"pegasus-aws-batch: cannot write {path}: No space left on device\n"


def test_any_text_can_be_logged_to_a_file(tmp_path: Path) -> None:
    with ToolLog("info", tmp_path / "log") as log:
        log.open()
        LOG.info("größe \udcff")
    assert (tmp_path / "log.000").read_text(encoding="utf-8").endswith("größe \\udcff\n")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in the place of stderr, from now on."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return shown


def say_some() -> None:
    LOG.info("begins")
    LOG.warning("may be wrong")
    LOG.error("is wrong")
    LOG.info("a \x1b[2J  exit 1", extra=style(mark=Mark.FAILED))
    LOG.info("b  0.1 s", extra=style(mark=Mark.DONE))
    LOG.info("2 jobs: 1 succeeded, 1 failed, 0 stopped", extra=style(tone=Tone.COUNTS, told=True))


def test_a_terminal_shows_short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = terminal(monkeypatch)
    with ToolLog("info", None, colour="never"):
        say_some()
    *lines, last = stderr.getvalue().splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    assert [line[9:] for line in lines] == [
        "  begins",
        "! may be wrong",
        "✗ is wrong",
        "✗ a \\x1b[2J  exit 1",
        "✓ b  0.1 s",
    ]
    assert last == "2 jobs: 1 succeeded, 1 failed, 0 stopped"


def test_colours_mean_something(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = terminal(monkeypatch)
    green, red, grey, end = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
    with ToolLog("info", None):
        say_some()
    *lines, last = stderr.getvalue().splitlines()
    assert all(line.startswith(grey) for line in lines)
    assert [line.partition(f"{end} ")[2] for line in lines] == [
        f"  {grey}begins{end}",
        "! may be wrong",
        f"{red}✗{end} is wrong",
        f"{red}✗{end} a \\x1b[2J  exit 1",
        f"{green}✓{end} b  0.1 s",
    ]
    assert last == f"2 jobs: {green}1 succeeded{end}, {red}1 failed{end}, 0 stopped"


def test_a_terminal_without_such_letters_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = terminal(monkeypatch)
    monkeypatch.setattr(Terminal, "encoding", "iso-8859-1")
    with ToolLog("info", None, colour="never"):
        say_some()
    lines = [line[9:] for line in stderr.getvalue().splitlines()]
    assert lines[:5] == [
        "     begins",
        "!    may be wrong",
        "FAIL is wrong",
        "FAIL a \\x1b[2J  exit 1",
        "ok   b  0.1 s",
    ]


def test_who_wants_details_gets_full_lines_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = terminal(monkeypatch)
    with ToolLog("debug", None, colour="never"):
        LOG.info("begins")
    assert LINE.fullmatch(stderr.getvalue().rstrip())


@pytest.mark.parametrize(
    ("variables", "how", "coloured"),
    [
        ({}, "auto", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": ""}, "auto", True),
        ({"NO_COLOR": "1"}, "always", True),
        ({"TERM": "dumb"}, "auto", False),
        ({"TERM": "dumb"}, "always", True),
        ({}, "never", False),
    ],
)
def test_when_there_are_colours(
    variables: dict[str, str], how: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = terminal(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with ToolLog("info", None, colour=how):
        say_some()
    assert ("\x1b[31m" in stderr.getvalue()) == coloured


@pytest.mark.parametrize("how", ["auto", "always"])
def test_what_is_no_terminal_has_colours_only_if_they_are_wanted(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog("info", None, colour=how):
        say_some()
    shown = capsys.readouterr().err
    assert ("\x1b[31m" in shown) == (how == "always")
    assert all(LINE.fullmatch(re.sub(r"\x1b\[\d+m", "", line)) for line in shown.splitlines())


def test_a_quiet_log_shows_errors_only_and_its_file_has_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog("info", None, quiet=True):
        say_some()
    assert [line.rpartition("] ")[2] for line in capsys.readouterr().err.splitlines()] == ["is wrong"]
    with ToolLog("info", tmp_path / "log", quiet=True) as log:
        log.open()
        say_some()
    assert capsys.readouterr().err == ""
    assert len((tmp_path / "log.000").read_text().splitlines()) == 6


def test_what_is_told_is_on_stderr_too_if_there_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ToolLog("info", tmp_path / "log") as log:
        log.open()
        say_some()
    assert capsys.readouterr().err == "2 jobs: 1 succeeded, 1 failed, 0 stopped\n"


@pytest.mark.parametrize(("level", "mode"), [("trace", 0o600), ("debug", 0o644)])
def test_requests_and_answers_are_nobody_elses_business(level: str, mode: int, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with ToolLog(level, tmp_path / "log") as tool_log:
            path = tool_log.open()
    finally:
        os.umask(before)
    assert path is not None
    assert path.stat().st_mode & 0o777 == mode
