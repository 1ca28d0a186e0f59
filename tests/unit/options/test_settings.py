"""What follows from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..builders import settings


def test_the_files_of_a_run_have_its_prefix() -> None:
    of = settings(prefix="my.bag")
    assert (of.journal, of.jobstate_log) == (Path("my.bag.journal"), Path("my.bag.jobstate.log"))


@pytest.mark.parametrize(
    ("follow", "named", "followed"),
    [(False, None, []), (True, None, ["one", "two"]), (True, "two", ["two"]), (False, "two", [])],
)
def test_whose_output_is_shown(follow: bool, named: str | None, followed: list[str]) -> None:
    of = settings(follow=follow, followed_job=named)
    assert [name for name in ("one", "two") if of.follows(name)] == followed
