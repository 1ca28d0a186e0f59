"""What begins like an option, and is none, is never taken for another, and leads to the one that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.errors import InputError
from jobbag.options import words
from jobbag.options.option import Option
from jobbag.options.parser import load
from jobbag.options.table import OPTIONS


def complaints(*line: str) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(line)
    return raised.value.lines


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--reprot", "--report"),
        ("--reprot=x", "--report"),
        ("-reprot", "--report"),
        ("-repor", "--report"),
        ("--Report", "--report"),
        ("--merge", "--merge-logs"),
        ("-merge", "--merge-logs"),
        ("-regoin=x", "--region"),
        ("--log", "--log-level or --log-file or --logs"),
        ("--job_queue", "--job-queue"),
        ("--queue", "--job-queue"),
        ("--dryrun", "--dry-run"),
        ("-n", "--dry-run"),
        ("--bucket", "--s3"),
        ("--verbose", "--log-level debug"),
        ("--profile=me", "the variable AWS_PROFILE"),
        ("\u2013region", "--region"),
        ("\u2014region=x", "--region"),
    ],
)
def test_an_unknown_option_is_told_with_the_one_that_is_like_it(word: str, meant: str) -> None:
    said = f"usage: unknown option {word}; did you mean {meant}? (see pegasus-aws-batch --help)"
    assert complaints(word, "bag.in") == [said]


@pytest.mark.parametrize("word", ["--nonsense", "-x", "-xfoo", "--x=1", "--foo bar"])
def test_what_is_like_none_is_only_told(word: str) -> None:
    assert complaints(word, "bag.in") == [f"usage: unknown option {word} (see pegasus-aws-batch --help)"]


@pytest.mark.parametrize("option", [one for one in OPTIONS if len(one.long) > 6], ids=lambda option: option.long)
def test_no_option_is_taken_for_another_by_its_begin(option: Option) -> None:
    for word in (option.long[:-1], option.long[1:-1], option.long[:5]):
        if word not in words.FLAGS and f"-{word}" not in words.FLAGS:
            assert "unknown option" in complaints(word, "x", "bag.in")[0]


@given(st.text("-abcelprs=", max_size=9))
def test_what_is_suggested_is_an_option(text: str) -> None:
    told = words.hint(text).removeprefix("; did you mean ").removesuffix("?")
    assert not told or set(told.split(" or ")) <= {*words.LONG, *words.FLAGS, *words._ELSEWHERE.values()}


@pytest.mark.parametrize("word", ["-rus-east-1", "-r=us-east-1", "-qlocal", "-Ldebug", "-pmy-run", "-lreport.log"])
def test_a_short_option_may_have_its_value_in_the_same_word(word: str) -> None:
    assert words.unknown([word]) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert complaints("--reprot", "x", "--nonsense", "--array", "allways", "--account", "12", "--on-interrupt=die") == [
        "usage: unknown option --reprot; did you mean --report? (see pegasus-aws-batch --help)",
        "usage: unknown option --nonsense (see pegasus-aws-batch --help)",
        "--array: 'allways' is none of auto, never, always; did you mean always?",
        "--on-interrupt: 'die' is none of terminate, detach",
        "--account: '12' is no AWS account: it has 12 digits",
    ]
    assert complaints("--reprot", "x", "--summary") == [
        "usage: unknown option --reprot; did you mean --report? (see pegasus-aws-batch --help)",
        "usage: argument --summary: expected one argument (see pegasus-aws-batch --help)",
    ]
    assert complaints("--dry-run=yes", "x") == [
        "usage: --dry-run takes no value, but got 'yes' (see pegasus-aws-batch --help)"
    ]
    assert complaints("--conf", "/nowhere/a", "x") == ["--conf: cannot read /nowhere/a: No such file or directory"]
    assert complaints("--completion", "bsh") == ["--completion: 'bsh' is none of bash, zsh, fish; did you mean bash?"]


def test_words_that_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "place").mkdir()
    assert complaints("dry-run", "bag.in") == ["usage: there is no file dry-run; did you mean --dry-run?"]
    assert complaints("--local", "place", "bag.in") == [
        "usage: place is a directory, and no job submit file; did you mean --local=place?"
    ]
    assert complaints("--follow", "fit", "bag.in") == ["usage: there is no file fit; did you mean --follow=fit?"]
    (tmp_path / "fresh").write_text("")
    assert load(["fresh"]).submit_files == (Path("fresh"),)
