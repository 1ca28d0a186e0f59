"""What --help shows: one screen of what most need."""

from __future__ import annotations

import json
import re

import pytest

from jobbag.options import parser
from jobbag.options.help import MANUAL, short_help
from jobbag.options.table import OPTIONS


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        parser.load(words)
    assert left.value.code == 0
    return capsys.readouterr().out


def test_it_is_one_screen() -> None:
    *lines, manual = short_help().splitlines()
    assert 24 <= len(lines) < 40
    assert [line for line in lines if len(line) > 80] == []
    assert manual == f"man {MANUAL}"
    assert MANUAL.read_text(encoding="utf-8").startswith(".")


def test_it_shows_a_bag_that_runs() -> None:
    bag = re.search(r"\{.*\}", short_help(), re.DOTALL)
    assert bag is not None
    assert json.loads(bag[0])["SubmitJob"][0]["jobName"] == "hello"


def test_it_spells_options_as_they_are() -> None:
    flags = {flag for option in OPTIONS for flag in option.flags}
    named = re.findall(r"^  (-.*?)  ", short_help(), re.MULTILINE)
    assert len(named) > 12
    assert {flag for line in named for flag in re.findall(r"--?[\w-]+", line)} - flags == set()


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["-help"], ["--local", "--help"], ["--help", "bag.in"]])
def test_it_is_what_help_shows(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, *words) == f"{short_help()}\n"


@pytest.mark.parametrize("words", [["--help", "all"], ["--help=all"], ["-h", "all"], ["-help", "all"]])
def test_help_all_shows_each_option(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    whole = shown(capsys, *words)
    assert [option.long for option in OPTIONS if option.long not in whole] == []
