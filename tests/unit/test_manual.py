"""The manual page: made from the same table as --help, up to date, and rendered without a complaint."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jobbag.errors import ExitCode
from jobbag.options.parser import build_parser
from jobbag.options.table import GROUPS, PROPERTIES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "man" / "pegasus-aws-batch.1"

OPTIONS = [option for _, options in GROUPS for option in options]
SAMPLES = [ROOT / "conf" / "sample.properties", *sorted(ROOT.glob("conf/sample-*.json"))]
FLAGS = [flag for option in OPTIONS for flag in option.flags]


@pytest.fixture(scope="module")
def shown() -> str:
    """The page's words as a reader sees them, without roff's escapes and fonts."""
    text = re.sub(r"\\f[BIP]|\\&", "", PAGE.read_text(encoding="utf-8"))
    for escape, letter in {"\\-": "-", "\\ ": " ", "\\(aq": "'", "\\(dq": '"'}.items():
        text = text.replace(escape, letter)
    return text


@pytest.fixture(scope="module")
def help_text() -> str:
    return build_parser().format_help()


def has_word(text: str, word: str) -> bool:
    """Whether `text` holds `word` as a whole: --s3 is not in --s3-more."""
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text) is not None


def test_page_is_what_the_generator_makes_now() -> None:
    page: Callable[[], str] = runpy.run_path(str(ROOT / "man" / "generate.py"))["page"]
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make man`"


def test_every_option_is_in_the_page_and_in_help(shown: str, help_text: str) -> None:
    assert [flag for flag in FLAGS if not has_word(shown, flag)] == []
    assert [flag for flag in FLAGS if not has_word(help_text, flag)] == []


def test_every_explanation_is_in_the_page_and_in_help(shown: str, help_text: str) -> None:
    page = " ".join(shown.split())
    assert [option.long for option in OPTIONS if " ".join(option.help.split()) not in page] == []
    letters = "".join(help_text.split())  # argparse breaks lines at hyphens, too
    assert [option.long for option in OPTIONS if "".join(option.help.split()) not in letters] == []


def test_every_property_is_in_the_page_and_its_own_name_in_help(shown: str, help_text: str) -> None:
    assert [key for key in PROPERTIES if not has_word(shown, key)] == []
    own = PROPERTIES.keys() - {"endpoint"}  # the older name of pegasus.aws.endpoint, which --help shows
    assert [key for key in own if not has_word(help_text, key)] == []


def test_every_exit_status_is_in_the_page_and_in_help(shown: str, help_text: str) -> None:
    page, text = " ".join(shown.split()), " ".join(help_text.split())
    for code in ExitCode:
        assert f".TP\n{code:d}\n" in shown
        assert code.meaning in page
        assert f"{code:d}: {code.meaning}" in text


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_mandoc_has_nothing_to_complain_of() -> None:
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", PAGE], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_can_be_copied_letter_by_letter(sample: Path) -> None:
    done = subprocess.run(["mandoc", "-Tutf8", PAGE], capture_output=True, text=True, check=True, timeout=60)
    lines = [line.strip() for line in re.sub(".\b", "", done.stdout).splitlines()]
    wanted = [line.strip() for line in sample.read_text(encoding="utf-8").splitlines()]
    assert wanted in [lines[start : start + len(wanted)] for start in range(len(lines))]


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_shows_it_without_a_warning() -> None:
    environment = os.environ | {"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    done = subprocess.run(
        ["man", "--warnings", "-l", PAGE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "EXIT STATUS" in done.stdout
