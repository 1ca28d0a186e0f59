"""Where in S3 the files of a run are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobbag.entities.kinds import Plan
from jobbag.entities.plan import plan_of
from jobbag.options.settings import Mode

from ..builders import settings


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def planned(mode: Any = Mode.CREATE, jobs: Any = None, **values: Any) -> Plan:
    plan, problems = plan_of(settings(mode=mode, **values), jobs)
    assert problems == []
    return plan


def told(mode: Any = Mode.CREATE, jobs: Any = None, **values: Any) -> list[str]:
    return [str(problem) for problem in plan_of(settings(mode=mode, **values), jobs)[1]]


# -- S3


@pytest.mark.parametrize(
    ("text", "bucket", "url", "key"),
    [
        ("s3://bucket", "bucket", "s3://bucket/", "f.txt"),
        ("s3://bucket/", "bucket", "s3://bucket/", "f.txt"),
        ("s3://bucket/some/dir", "bucket", "s3://bucket/some/dir/", "some/dir/f.txt"),
        ("s3://bucket/some/dir/", "bucket", "s3://bucket/some/dir/", "some/dir/f.txt"),
        ("s3://bucket//x", "bucket", "s3://bucket//x/", "/x/f.txt"),
        ("s3://bucket//", "bucket", "s3://bucket//", "/f.txt"),
        ("s3://bucket/some//dir//", "bucket", "s3://bucket/some//dir//", "some//dir//f.txt"),
        ("s3://bucket/a?b#c%20://", "bucket", "s3://bucket/a?b#c%20://", "a?b#c%20://f.txt"),
        ("bucket", "bucket", "s3://bucket/", "f.txt"),
        ("bucket/some", "bucket", "s3://bucket/some/", "some/f.txt"),
        ("s3://my.bucket-1/a b", "my.bucket-1", "s3://my.bucket-1/a b/", "a b/f.txt"),
    ],
)
def test_s3_urls(text: str, bucket: str, url: str, key: str) -> None:
    place = planned(s3=text).place
    assert place is not None
    assert (place.bucket, place.url, place.own) == (bucket, url, False)
    assert place.key("/some/where/f.txt") == key


@pytest.mark.parametrize(
    "text",
    ["s3://", "s3:///dir", "http://bucket/dir", "s3://Bucket", "s3://a_b", "s3://ab", "s3://-ab", "s3://a..b",
     "s3://" + "a" * 64, "/dir", "s3://xn--abc", "S3://bucket", "arn:aws:s3:::bucket", "",
     "s3://bucket/..", "s3://bucket/a/../b", "s3://bucket/./a", "s3://bucket/a/."],
)  # fmt: skip
def test_what_is_no_s3_url_is_told(text: str) -> None:
    (found,) = told(s3=text)
    assert found.startswith("--s3: ")


@pytest.mark.parametrize("text", ["s3://bucket/", "bucket/"])
def test_a_slash_with_nothing_behind_it_deletes_nothing(text: str) -> None:
    assert told(Mode.DELETE, s3=text) == [
        f"--s3: {text!r} has nothing behind the slash: s3://bucket deletes the bucket and all that is in it"
    ]


@pytest.mark.parametrize(
    ("text", "key_prefix"), [("s3://bucket", ""), ("s3://bucket//", "/"), ("s3://bucket/dir", "dir/")]
)
def test_what_is_deleted_is_what_is_named(text: str, key_prefix: str) -> None:
    place = planned(Mode.DELETE, s3=text).place
    assert place is not None
    assert place.key_prefix == key_prefix


def test_only_a_run_has_a_bucket_that_nobody_named() -> None:
    assert planned().place is None
    assert planned(Mode.DELETE).place is None
