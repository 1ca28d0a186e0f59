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
from jobbag.text import plain
from jobbag.tool_log import TRACE, UNADORNED, ToolLog

LOG = logging.getLogger("jobbag.some.module")
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (ERROR|WARN |INFO |DEBUG|TRACE) \[\w+\] \S.*")


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("jobbag")
    before = logger.level, logger.propagate
    yield
    logger.setLevel(before[0])
    logger.propagate = before[1]
    assert [handler for handler in logger.handlers if not type(handler).__module__.startswith("_pytest")] == []


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
        (handler,) = logging.getLogger("jobbag").handlers
        assert isinstance(handler, logging.FileHandler)
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


@pytest.mark.parametrize(
    ("level", "file", "of", "shows"),
    [
        ("info", None, logging.INFO, True),
        ("trace", None, logging.INFO, True),
        ("warn", None, logging.INFO, False),
        ("error", None, logging.ERROR, True),
        ("info", "l", logging.ERROR, False),
    ],
)
def test_whether_the_log_tells_it_already(level: str, file: str | None, of: int, shows: bool, tmp_path: Path) -> None:
    assert ToolLog(level, tmp_path / file if file else None).shows(of) is shows


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stderr", "begins"), [(Terminal(), "the \\x1b end"), (io.StringIO(), "20")])
def test_a_terminal_shows_some_lines_without_time_and_level(
    stderr: io.StringIO, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with ToolLog("info", None):
        LOG.info("the \x1b end", extra=UNADORNED)
        LOG.info("another")
    first, second = stderr.getvalue().splitlines()
    assert first.startswith(begins)
    assert first.endswith("the \\x1b end")
    assert second.startswith("20")


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
