"""--create and --delete: what is asked before, and told after."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jobbag.commands import manage
from jobbag.entities.kinds import Plan
from jobbag.errors import InputError
from jobbag.options.settings import Mode, Settings
from jobbag.s3 import bucket
from jobbag.s3.place import S3Place
from jobbag.tool_log import ToolLog

from ..builders import settings

QUESTION = "pegasus-aws-batch: this deletes the bucket the-bucket and all that is in it. Go on? [y/N] "


class Stdin(io.StringIO):
    """What somebody types, or a program."""

    def __init__(self, text: str, *, terminal: bool = True) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[S3Place]:
    """What was removed."""
    found: list[S3Place] = []

    @contextmanager
    def connected(_: Settings) -> Iterator[tuple[None, None]]:
        yield None, None

    monkeypatch.setattr(manage, "connected", connected)
    monkeypatch.setattr(bucket, "remove", lambda _, place: found.append(place))
    monkeypatch.setattr(bucket, "exists", lambda *_: True)
    return found


def act(mode: Mode, key_prefix: str = "", **values: Any) -> tuple[S3Place, tuple[str, ...]]:
    """Create or delete a place in S3; gives it, and what is printed."""
    place = S3Place("the-bucket", key_prefix, own=False)
    with ToolLog("error", None) as tool_log:
        done = manage.manage(settings(mode=mode, **values), Plan(None, None, None, place), tool_log)
    return place, done.lines


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", " y"])
def test_a_bucket_is_deleted_after_a_yes(
    answer: str, removed: list[S3Place], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(answer))
    place, _ = act(Mode.DELETE)
    assert removed == [place]
    assert capsys.readouterr().err == QUESTION


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "the-bucket\n", "yesterday\n"])
def test_no_other_answer_deletes_anything(answer: str, removed: list[S3Place], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(answer))
    with pytest.raises(InputError, match="the answer was not yes: nothing is deleted"):
        act(Mode.DELETE)
    assert removed == []


@pytest.mark.parametrize(
    ("stdin", "more"),
    [
        (Stdin(""), {"yes": True}),
        (Stdin(""), {"key_prefix": "dir/"}),
        (Stdin(""), {"key_prefix": "/"}),
        (Stdin("n\n", terminal=False), {}),
        (None, {}),
    ],
)
def test_nothing_is_asked_where_that_is_wanted_or_nobody_is_there(
    stdin: Stdin | None,
    more: dict[str, Any],
    removed: list[S3Place],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    place, _ = act(Mode.DELETE, **more)
    assert removed == [place]
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize(("key_prefix", "url"), [("", "s3://the-bucket"), ("a/", "s3://the-bucket/a/")])
def test_create_prints_a_place_as_delete_takes_it(key_prefix: str, url: str) -> None:
    assert act(Mode.CREATE, key_prefix)[1] == (f"pegasus.aws.batch.s3_bucket={url}",)
