"""The nearest of known names is one of them, and no guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag import hints
from jobbag.options.table import OPTIONS

NAMES = st.text("abcde-_12AB", max_size=8)
FIELDS = ["arguments", "arrayProperties", "containerOverrides", "environment", "executable", "inputs", "jobName"]


@given(NAMES, st.lists(NAMES))
def test_what_is_suggested_is_known_and_something_else(word: str, known: list[str]) -> None:
    found = hints.nearest(word, known)
    assert set(found) <= set(known) - {word}
    assert len(found) == len(set(found))


@given(st.sampled_from(FIELDS), st.data())
def test_one_letter_wrong_leads_to_the_name(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(name) - 2))
    typo = data.draw(st.sampled_from([name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:]]))
    swapped = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    for word in {typo, swapped, name.upper(), name.replace("e", "e_")} - {name}:
        assert hints.nearest(word, FIELDS) == [name]


@pytest.mark.parametrize("word", ["", "-", "x", "foo", "nonsense", "flavour", "verbose", "output-dir"])
def test_what_is_like_nothing_leads_nowhere(word: str) -> None:
    known = [option.long for option in OPTIONS if option.long not in ("--output",)]
    assert hints.nearest(f"--{word}", known) == []
    assert hints.did_you_mean(f"--{word}", known) == ""


def test_the_begin_of_a_name_leads_to_all_that_begin_so_if_they_are_few() -> None:
    assert hints.did_you_mean("log", ["log-level", "log-file", "merge-logs"]) == "; did you mean log-level or log-file?"
    assert hints.nearest("fit", [f"fit-{number:05}" for number in range(9)]) == []


def test_a_list_of_names_is_short_and_has_the_nearest_first() -> None:
    names = [f"other-{number}" for number in range(20)] + ["my-queue"]
    assert hints.some_of(names, "my-queu").startswith("my-queue, ")
    assert hints.some_of(names, "my-queu").endswith(" and 16 more")
    assert hints.some_of(["b", "a"]) == "a, b"


def test_a_command_that_is_not_installed_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert hints.command_of_aws("configure") == "`aws configure`"
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert hints.command_of_aws("configure") is None
