"""S3 of other makers, which lack some calls: nobody waits for those, and there is another way or a clear word."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.s3 import bucket, listings
from jobbag.s3.contents import is_there
from jobbag.s3.place import S3Place

from ..fault_layer import Answer, Faults, error

NAME = "the-bucket"
PLACE = S3Place(NAME, "a/", own=True)
HTML = b"<!doctype html><html><title>405 Method Not Allowed</title><p>no<br></html>"
LACKING: dict[str, Answer] = {
    "501": error("s3", 501, "NotImplemented", "A header you provided implies functionality that is not implemented"),
    "405": error("s3", 405, "MethodNotAllowed", "The specified method is not allowed against this resource."),
    "405 with a page": Answer("405 Method Not Allowed", [("Content-Type", "text/html")], HTML),
    "501 with words": Answer("501 Not Implemented", body=b"not implemented\n"),
    "501 with nothing": Answer("501 Not Implemented"),
    "400 by name": error("s3", 400, "NotImplemented", "no"),
    "500 by name": error("s3", 500, "NotImplemented", "no"),
}


@pytest.fixture(autouse=True)
def _nobody_waits(pauses: list[float]) -> Iterator[None]:
    yield
    assert [pause for pause in pauses if pause > 0] == []


@pytest.fixture
def lacking(cloud: Cloud, faults: Faults) -> Callable[..., None]:
    """Makes the server lack calls, once there is a bucket with two objects in it."""
    cloud.call("s3", "CreateBucket", Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    for key in ("a/x", "a/y"):
        cloud.put_object(NAME, key, b"x")

    def lack(answer: Answer, *operations: str) -> None:
        for operation in operations:
            faults.on(operation, lambda *_: answer)

    return lack


@pytest.mark.parametrize("answer", LACKING)
def test_a_bucket_that_cannot_be_closed_is_told_at_once(
    answer: str, cloud: Cloud, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    faults.on("PutPublicAccessBlock", lambda *_: LACKING[answer])
    assert bucket.create(cloud, NAME)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "check that the bucket the-bucket is not public" in warning
    assert faults.count("PutPublicAccessBlock") == 1


@pytest.mark.parametrize("answer", LACKING)
def test_a_bucket_goes_without_lists_of_versions_and_bulk_deletion(
    answer: str, lacking: Callable[..., None], cloud: Cloud, faults: Faults
) -> None:
    lacking(LACKING[answer], "ListObjectVersions", "DeleteObjects")
    bucket.remove(cloud, S3Place(NAME, "", own=True))
    assert not bucket.exists(cloud, S3Place(NAME, "", own=True))
    assert faults.count("DeleteObject") == 2


def test_a_server_that_knows_no_versions_may_answer_with_objects(lacking: Callable[..., None], cloud: Cloud) -> None:
    listing = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a/x</Key></Contents></ListBucketResult>"
    lacking(Answer.of_xml(listing), "ListObjectVersions")
    bucket.remove(cloud, S3Place(NAME, "", own=True))
    assert not bucket.exists(cloud, S3Place(NAME, "", own=True))


@pytest.mark.parametrize("code", ["MissingContentMD5", "InvalidRequest"])
def test_a_server_that_wants_md5_gets_one_deletion_after_the_other(
    code: str, lacking: Callable[..., None], cloud: Cloud, faults: Faults
) -> None:
    lacking(error("s3", 400, code, "Missing required header for this request: Content-MD5"), "DeleteObjects")
    bucket.delete(cloud, NAME, ["a/x", "a/y"])
    assert faults.count("DeleteObject") == 2
    assert list(listings.keys(cloud, NAME, "")) == []


@pytest.mark.parametrize("answer", [*LACKING, "no upload"])
def test_the_bucket_of_a_run_goes_without_lists_of_uploads(
    answer: str, lacking: Callable[..., None], cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    none = error("s3", 404, "NoSuchUpload", "NoSuchUpload")
    lacking(LACKING.get(answer, none), "ListMultipartUploads")
    assert bucket.take_down(cloud, PLACE, {"a/x", "a/y"}) == []
    assert not bucket.exists(cloud, S3Place(NAME, "", own=True))
    assert "unfinished uploads below s3://the-bucket/a/ may stay" in caplog.text


def test_what_cannot_be_asked_for_is_sent(
    lacking: Callable[..., None], cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("x")
    lacking(Answer("501 Not Implemented"), "HeadObject")
    assert not is_there(cloud, PLACE, "x", "x")


@pytest.mark.parametrize("answer", LACKING)
def test_what_has_no_other_way_is_told_at_once(answer: str, cloud: Cloud, faults: Faults) -> None:
    faults.on("CreateBucket", lambda *_: LACKING[answer])
    with pytest.raises(AwsError, match="bucket the-bucket: CreateBucket failed: "):
        bucket.create(cloud, NAME)
    assert faults.count("CreateBucket") == 1


@pytest.mark.parametrize(
    ("service", "operation"),
    [("batch", "DescribeJobQueues"), ("logs", "DescribeLogGroups"), ("sts", "GetCallerIdentity")],
)
@pytest.mark.parametrize("answer", ["405 with a page", "501 with words", "501 with nothing"])
def test_no_service_is_asked_again_for_a_call_that_it_lacks(
    answer: str, service: str, operation: str, cloud: Cloud, faults: Faults
) -> None:
    faults.on(operation, lambda *_: LACKING[answer])
    with pytest.raises(AwsError) as caught:
        cloud.call(service, operation)
    assert caught.value.unsupported
    assert not caught.value.unsure
    assert faults.count(operation) == 1
