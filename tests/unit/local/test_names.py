"""The files that stand for keys: any key has one, which is inside the directory and tells the key again."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobbag.local.buckets import key_of, names

LETTERS = st.characters(exclude_categories=["Cs"])
KEYS = st.one_of(
    st.text(LETTERS, min_size=1, max_size=40),
    st.lists(st.sampled_from(["", ".", "..", "a", "%", "%2E", "+", "%+", "\0", "ż" * 130, "x" * 240]), max_size=6).map(
        "/".join
    ),
)


@given(KEYS)
@example("x" * 240 + "..")
@example("x" * 240 + ".")
@example("%" * 300)
def test_every_key_is_a_path_of_names_that_are_legal_and_tell_it(key: str) -> None:
    path = names(key)
    assert all(name not in (b"", b".", b"..") and len(name) <= 250 for name in path)
    assert not any(byte < 32 or byte in (0x2F, 0x7F) for name in path for byte in name)
    assert key_of(path) == key


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("results/one/plot 1.png", "results/one/plot 1.png"),
        ("zażółć/100% (new)+.txt", "zażółć/100%25 (new)+.txt"),
        ("a/../b/.", "a/%2E./b/%2E"),
        ("a//b/", "a/%/b/%"),
        ("line\nbreak", "line%0Abreak"),
        ("x" * 300, "x" * 240 + "%+/" + "x" * 60),
    ],
)
def test_the_names_are_those_that_the_manual_tells(key: str, path: str) -> None:
    assert b"/".join(names(key)).decode() == path


def test_a_name_that_is_no_text_is_no_key() -> None:
    assert key_of([b"a", b"\xff"]) is None
