"""The buckets of the embedded AWS as files: what is on disk when an answer is given, and what a later start finds."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto.s3.models import S3Backend, s3_backends

from helpers.embedded import embedded
from jobbag.local import Buckets, InUse
from jobbag.local.backends import MOTO
from jobbag.local.entities import ACCOUNT

MIB = 1024 * 1024


@contextmanager
def start(place: Path, *, write: bool = True, region: str = "us-east-1") -> Iterator[Any]:
    """A client of an embedded AWS whose buckets are there."""
    make: Any = boto3.client
    with Buckets(place, write=write) as buckets, embedded(1, buckets=buckets) as aws:
        client = make(
            "s3",
            endpoint_url=aws.endpoint,
            region_name=region,
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
        yield client
        client.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "bag.local"


def content(client: Any, key: str, bucket: str = "bucket") -> bytes:
    found: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return found


def keys(client: Any, bucket: str = "bucket") -> list[str]:
    return [one["Key"] for one in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def files(place: Path) -> dict[str, bytes]:
    """The files that a person sees."""
    found = (path for path in place.rglob("*") if ".pegasus-aws-batch" not in path.parts)
    return {str(path.relative_to(place)): path.read_bytes() for path in found if path.is_file()}


def test_each_change_is_on_disk_when_the_answer_is_given(place: Path) -> None:
    with start(place) as s3:
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="run/data.txt", Body=b"one")
        assert files(place) == {"bucket/run/data.txt": b"one"}
        s3.put_object(Bucket="bucket", Key="run/data.txt", Body=b"two")
        s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/run/data.txt")
        assert files(place) == {"bucket/run/data.txt": b"two", "bucket/copy": b"two"}
        upload = s3.create_multipart_upload(Bucket="bucket", Key="large")["UploadId"]
        parts = []
        for number, body in ((1, b"x" * 5 * MIB), (2, b"end")):
            part = s3.upload_part(Bucket="bucket", Key="large", UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        assert "bucket/large" not in files(place)
        whole = {"Bucket": "bucket", "Key": "large", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
        s3.complete_multipart_upload(**whole)
        assert files(place)["bucket/large"] == b"x" * 5 * MIB + b"end"
        s3.complete_multipart_upload(**whole)  # its answer was lost
        s3.delete_object(Bucket="bucket", Key="run/data.txt")
        assert files(place).keys() == {"bucket/copy", "bucket/large"}
        assert not (place / "bucket" / "run").exists()
        s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "copy"}, {"Key": "large"}, {"Key": "never"}]})
        assert files(place) == {}
        s3.delete_bucket(Bucket="bucket")
        assert not (place / "bucket").exists()
    assert not place.exists()


def test_a_later_start_finds_all_that_was_there(place: Path) -> None:
    with start(place, region="eu-west-3") as s3:
        where = {"LocationConstraint": "eu-west-3"}
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration=where)
        s3.put_object(
            Bucket="bucket", Key="a", Body=b"content", ContentType="text/x", Metadata={"name": "value"},
            ChecksumAlgorithm="CRC32", ServerSideEncryption="aws:kms", SSEKMSKeyId="k",
        )  # fmt: skip
        upload = s3.create_multipart_upload(Bucket="bucket", Key="large")["UploadId"]
        part = s3.upload_part(Bucket="bucket", Key="large", UploadId=upload, PartNumber=1, Body=b"part")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(Bucket="bucket", Key="large", UploadId=upload, MultipartUpload=parts)
        heads = [s3.head_object(Bucket="bucket", Key=key, ChecksumMode="ENABLED") for key in ("a", "large")]
        listed = s3.list_objects_v2(Bucket="bucket")["Contents"]
    with start(place, region="eu-west-3") as s3:
        assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["bucket"]
        assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] == "eu-west-3"
        for head, key in zip(heads, ("a", "large"), strict=True):
            again = s3.head_object(Bucket="bucket", Key=key, ChecksumMode="ENABLED")
            assert {**again, "ResponseMetadata": None} == {**head, "ResponseMetadata": None}
        assert s3.list_objects_v2(Bucket="bucket")["Contents"] == listed
        assert (content(s3, "a"), content(s3, "large")) == (b"content", b"part")
        assert s3.get_object(Bucket="bucket", Key="large", Range="bytes=1-2")["Body"].read() == b"ar"
        s3.copy_object(Bucket="bucket", Key="again", CopySource="bucket/a")
        assert content(s3, "again") == b"content"


def test_what_a_person_changes_puts_there_or_takes_away_is_noticed(place: Path) -> None:
    with start(place) as s3:
        s3.create_bucket(Bucket="bucket")
        for key in ("same", "changed", "gone"):
            s3.put_object(Bucket="bucket", Key=key, Body=b"old", Metadata={"mine": "x"})
        (place / "bucket" / "changed").write_bytes(b"new content")
        (place / "bucket" / "gone").unlink()
        assert content(s3, "changed") == b"new content"  # even now
        with pytest.raises(ClientError, match="NoSuchKey"):
            content(s3, "gone")
    (place / "bucket" / "changed").write_bytes(b"new")  # of the same length as at first
    (place / "bucket" / "sub dir").mkdir()
    (place / "bucket" / "sub dir" / "added").write_bytes(b"added")
    (place / "bucket" / "link").symlink_to(place / "bucket" / "same")
    with start(place) as s3:
        assert keys(s3) == ["changed", "same", "sub dir/added"]
        head = s3.head_object(Bucket="bucket", Key="changed")
        assert (head["ETag"], head["Metadata"]) == (f'"{hashlib.md5(b"new").hexdigest()}"', {})
        assert s3.head_object(Bucket="bucket", Key="same")["Metadata"] == {"mine": "x"}
        with pytest.raises(ClientError, match="BucketNotEmpty"):
            s3.delete_bucket(Bucket="bucket")


def test_what_was_there_before_is_not_touched(place: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (place / "bucket").mkdir(parents=True)
    (place / "bucket" / "mine").write_text("mine")
    (place / "notes.txt").write_text("mine")
    for _ in range(2):
        with start(place) as s3:
            assert s3.list_buckets()["Buckets"] == []
            s3.create_bucket(Bucket="bucket")
            assert keys(s3) == []
            s3.put_object(Bucket="bucket", Key="mine", Body=b"ours")
            (place / "bucket%" / "link").symlink_to(outside)
            s3.put_object(Bucket="bucket", Key="link/in", Body=b"ours")
            assert files(place)["bucket%/link%/in"] == files(place)["bucket%/mine"] == b"ours"
            assert list(outside.iterdir()) == []
            (place / "bucket%" / "link").unlink()
            s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "mine"}, {"Key": "link/in"}]})
            s3.delete_bucket(Bucket="bucket")
        assert files(place) == {"bucket/mine": b"mine", "notes.txt": b"mine"}
        assert {path.name for path in place.iterdir()} == {"bucket", "notes.txt"}


def test_an_empty_directory_of_the_user_stays(place: Path) -> None:
    place.mkdir()
    with start(place):
        pass
    assert list(place.iterdir()) == []


def test_who_only_looks_makes_nothing(place: Path) -> None:
    with start(place, write=False) as s3:
        assert s3.list_buckets()["Buckets"] == []
        assert not place.exists()
    with start(place) as s3:
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a", Body=b"content")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    with start(place, write=False) as s3:
        assert content(s3, "a") == b"content"
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_two_cannot_use_one_directory(place: Path) -> None:
    with Buckets(place, write=True):
        for write in (True, False):
            with pytest.raises(InUse), Buckets(place, write=write):
                raise AssertionError("both have it")
    with Buckets(place, write=True):
        pass


def test_what_cannot_be_written_is_refused_and_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with start(place) as s3:
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a", Body=b"old")
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", fail)
            for key in ("a", "b"):
                with pytest.raises(ClientError, match=r"NotKept.*cannot keep it: .*No space left on device"):
                    s3.put_object(Bucket="bucket", Key=key, Body=b"new")
            with pytest.raises(ClientError, match="NotKept"):
                s3.create_bucket(Bucket="other")
        assert (keys(s3), content(s3, "a")) == (["a"], b"old")
        s3.put_object(Bucket="bucket", Key="a", Body=b"new")
        assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["bucket"]
    assert files(place) == {"bucket/a": b"new"}


# -- a start that is killed between any two steps


class Killed(BaseException):
    """The end of a process."""


STEPS = ("replace", "mkdir", "unlink", "rmdir")


def backend() -> S3Backend:
    return s3_backends[ACCOUNT]["aws"]


def forget() -> None:
    """As the end of a process does."""
    with MOTO:
        backend().reset()


def load(place: Path) -> dict[str, tuple[bytes, str]]:
    """The content and ETag of each object that a new start finds."""
    forget()
    try:
        with Buckets(place, write=True) as buckets:
            buckets.load()
            found = backend().buckets["bucket"].keys if "bucket" in backend().buckets else {}
            return {key: (found[key].value, found[key].etag) for key in found}
    finally:
        forget()


def test_a_kill_at_any_instant_leaves_each_object_as_it_was_or_as_it_is_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A multipart ETag tells whether what is known of an object is about this content."""
    steps = itertools.count()
    while not _play(next(steps), tmp_path, monkeypatch):
        pass
    assert next(steps) > 10


def _play(step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Kill the start before that step. Whether it came to its end."""
    place, left, ended = tmp_path / str(step), [step], False

    def killing(function: Any) -> Any:
        def call(*args: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*args)

        return call

    answered: dict[str, tuple[bytes, str]] = {}
    under_way: list[tuple[str, tuple[bytes, str] | None]] = []
    forget()
    buckets = Buckets(place, write=True).__enter__()
    buckets.load()
    try:
        with suppress(Killed):
            for name in STEPS:
                monkeypatch.setattr(os, name, killing(getattr(os, name)))
            backend().create_bucket("bucket", "us-east-1")
            buckets.keep()
            for key, value in (("a", b"1"), ("a/b", b"22"), ("a", b"333"), ("a/b", None), ("a", b"55555"), ("z", b"6")):
                if value is None:
                    under_way[:] = [(key, None)]
                    backend().delete_object("bucket", key)
                else:
                    under_way[:] = [(key, (value, f'"{key}-{value.decode()}"'))]
                    backend().put_object("bucket", key, value, etag=f"{key}-{value.decode()}")
                buckets.keep()
                answered.pop(key, None)
                answered |= {name: state for name, state in under_way if state is not None}
                under_way.clear()
            ended = True
    finally:
        monkeypatch.undo()
        os.close(buckets._lock or 0)
        forget()
    found = load(place)
    after = {key: state for key, state in {**answered, **dict(under_way)}.items() if state is not None}
    assert found in (answered, after)
    assert load(place) == found
    assert len(files(place)) == len(found)
    return ended


# -- any keys

PART = st.sampled_from(["", ".", "..", "a", "b", "%", "a%", "%+", "é", "A", "x" * 250])
KEYS = st.lists(PART, min_size=1, max_size=4).map("/".join).filter(bool)
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3)), max_size=12)


@given(CHANGES, CHANGES)
def test_any_keys_come_back_and_nothing_is_outside(first: list[Any], second: list[Any]) -> None:
    wanted: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "in" / "dir"
        for changes in (first, second):
            forget()
            with Buckets(place, write=True) as buckets:
                buckets.load()
                if "bucket" not in backend().buckets:
                    backend().create_bucket("bucket", "us-east-1")
                for key, value in changes:
                    if value is None:
                        backend().delete_object("bucket", key)
                        wanted.pop(key, None)
                    else:
                        backend().put_object("bucket", key, value)
                        wanted[key] = value
                    buckets.keep()
                buckets.keep()
            assert {key: value for key, (value, _) in load(place).items()} == wanted
            assert len(files(place)) == len(wanted)
        assert [path.name for path in Path(name).rglob("*") if path.is_file() and place not in path.parents] == []
