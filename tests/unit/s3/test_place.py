"""Where in S3 the files of a run are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobbag.entities.kinds import Plan
from jobbag.entities.plan import plan_of
from jobbag.options.settings import Mode
from jobbag.s3.place import may_be_new

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


POINT = "arn:aws-us-gov:s3:us-gov-west-1:123456789012:accesspoint/my-point"

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
        ("s3://My_Old.Bucket/dir", "My_Old.Bucket", "s3://My_Old.Bucket/dir/", "dir/f.txt"),
        ("s3://-a..b", "-a..b", "s3://-a..b/", "f.txt"),
        ("s3://ap-x1y2z3-s3alias/dir", "ap-x1y2z3-s3alias", "s3://ap-x1y2z3-s3alias/dir/", "dir/f.txt"),
        (f"s3://{POINT}/some/dir", POINT, f"s3://{POINT}/some/dir/", "some/dir/f.txt"),
        (POINT, POINT, f"s3://{POINT}/", "f.txt"),
    ],
)
def test_s3_urls(text: str, bucket: str, url: str, key: str) -> None:
    place = planned(s3=text).place
    assert place is not None
    assert (place.bucket, place.url, place.own) == (bucket, url, False)
    assert place.key("f.txt") == key


@pytest.mark.parametrize(
    "text",
    ["s3://", "s3:///dir", "http://bucket/dir", "s3://ab", "s3://a b", "s3://a:b", "s3://...", "s3://größe",
     "s3://" + "a" * 256, "/dir", "S3://bucket", "arn:aws:s3:::bucket", "", "arn:aws:s3:::bucket/dir",
     "s3://arn:aws:s3:eu-west-3:123456789012:bucket/name", "s3://arn:aws:s3::123456789012:accesspoint/name.mrap",
     "s3://bucket/..", "s3://bucket/a/../b", "s3://bucket/./a", "s3://bucket/a/."],
)  # fmt: skip
def test_what_is_no_s3_url_is_told(text: str) -> None:
    (found,) = told(s3=text)
    assert found.startswith("--s3: ")


@pytest.mark.parametrize("name", ["bucket", "my.bucket-1", "a" * 63])
def test_a_bucket_of_such_a_name_can_be_created(name: str) -> None:
    assert may_be_new(name)


@pytest.mark.parametrize(
    "name",
    ["Bucket", "a_b", "-ab", "a..b", "a" * 64, "xn--abc", "1.2.3.4", "x-s3alias", "x--ol-s3", "x--x-s3", POINT],
)
def test_a_bucket_of_such_a_name_can_only_be_there_already(name: str) -> None:
    assert planned(s3=f"s3://{name}/dir").place is not None
    assert not may_be_new(name)


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
