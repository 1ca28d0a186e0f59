"""The bucket of a run: created, emptied, deleted; and results that stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from helpers.clients import s3_of
from jobbag.aws import client
from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.bag.job import Bag
from jobbag.entities.kinds import Plan
from jobbag.errors import AwsError, CleanupError, InputError
from jobbag.local import CREDENTIALS
from jobbag.run.cleanup import Cleanup
from jobbag.run.task import TaskOnAws
from jobbag.s3 import bucket, listings
from jobbag.s3.place import S3Place
from unit.builders import heard

from ..fault_layer import Answer, Faults, Forward, Request, error

NAME = "the-bucket"
PLACE = S3Place(NAME, "", own=True)
CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    return s3_of(cloud)


def ensure(cloud: Cloud, name: str) -> bool:
    """Create the bucket unless it is there; whether this did it."""
    return not bucket.exists(cloud, replace(PLACE, bucket=name)) and bucket.create(cloud, name)


def put(s3: Any, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket=NAME, Key=key, Body=b"x")


def buckets(s3: Any) -> list[str]:
    return [one["Name"] for one in s3.list_buckets()["Buckets"]]


def test_a_new_bucket_is_in_its_region_and_closed_to_the_public(cloud: Cloud, s3: Any) -> None:
    assert ensure(cloud, NAME)
    assert s3.get_bucket_location(Bucket=NAME)["LocationConstraint"] == cloud.region
    found = s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"]
    assert {name: found[name] for name in CLOSED} == dict.fromkeys(CLOSED, True)


def test_us_east_1_is_no_word_that_create_bucket_accepts(endpoint: str, no_aws_environment: None) -> None:
    del no_aws_environment
    cloud = Cloud(Access(endpoint, "us-east-1", CREDENTIALS))
    assert ensure(cloud, NAME)
    assert buckets(s3_of(cloud)) == [NAME]


def test_a_bucket_that_is_there_is_left_as_it_is(cloud: Cloud, s3: Any, faults: Faults) -> None:
    assert ensure(cloud, NAME)
    put(s3, "mine")
    before = len(faults.requests)
    assert not ensure(cloud, NAME)
    assert [request.operation for request in faults.requests[before:]] == ["HeadBucket"]


def test_another_client_of_the_same_workflow_may_be_quicker(cloud: Cloud, faults: Faults) -> None:
    ensure(cloud, NAME)
    faults.fail("HeadBucket", 404, "", times=1)
    assert not ensure(cloud, NAME)


def test_the_bucket_of_another_account_is_told(cloud: Cloud, faults: Faults) -> None:
    faults.fail("HeadBucket", 403, "")
    faults.fail("ListObjectsV2", 403, "AccessDenied")
    with pytest.raises(AwsError, match=r"bucket the-bucket: .*may not use it"):
        ensure(cloud, NAME)
    faults.forget()
    faults.fail("CreateBucket", 409, "BucketAlreadyExists", times=1)
    with pytest.raises(AwsError, match=r"bucket the-bucket: .*another account"):
        ensure(cloud, NAME)


def test_a_lasting_outage_is_told_and_given_up(cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = []

    def pause(_: Cloud, seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) < 1000, "it is tried without end"
        if len(pauses) == 10:
            monkeypatch.setattr(client, "OUTAGE", 0.0)  # that is how long

    monkeypatch.setattr(Cloud, "pause", pause)
    faults.fail("CreateBucket", 503, "ServiceUnavailable", "down")
    with heard("jobbag.aws") as said, pytest.raises(AwsError) as caught:
        ensure(cloud, NAME)
    assert str(caught.value) == "bucket the-bucket: CreateBucket failed: down (ServiceUnavailable)"
    assert caught.value.unsure, "who cleans up looks whether it is there"
    assert any("CreateBucket: " in line and "attempt 4 failed" in line for line in said)


def test_who_may_list_what_is_below_the_key_prefix_may_use_the_bucket(cloud: Cloud, s3: Any, faults: Faults) -> None:
    ensure(cloud, NAME)
    put(s3, "dir/mine")
    faults.fail("HeadBucket", 403, "")
    faults.fail("ListObjectsV2", 403, "AccessDenied", times=1)  # of the whole bucket, to see whether the keys are good
    assert bucket.exists(cloud, S3Place(NAME, "dir/", own=False))


def test_a_bucket_in_another_region_is_used_there(cloud: Cloud, endpoint: str) -> None:
    elsewhere = Cloud(Access(endpoint, "eu-west-3", CREDENTIALS))
    ensure(elsewhere, NAME)
    assert s3_of(cloud, NAME).meta.region_name == cloud.region == "us-west-2"
    assert bucket.exists(cloud, PLACE)
    assert cloud.buckets.of(NAME) == "eu-west-3"
    assert s3_of(cloud, NAME).meta.region_name == "eu-west-3"
    cloud.put_object(NAME, "k", b"x")
    assert list(listings.keys(cloud, NAME, "")) == ["k"]


@pytest.mark.parametrize("name", ["Old_Name", "x-s3alias"])
def test_a_bucket_that_is_not_there_needs_a_name_for_a_new_one(name: str, cloud: Cloud, faults: Faults) -> None:
    with pytest.raises(InputError, match=f"--s3: there is no bucket {name}, and S3 creates none"):
        ensure(cloud, name)
    assert faults.count("CreateBucket") == 0


@pytest.mark.usefixtures("pauses")
def test_a_new_bucket_that_parts_of_s3_do_not_know_yet_is_waited_for(cloud: Cloud, faults: Faults) -> None:
    faults.fail("PutPublicAccessBlock", 404, "NoSuchBucket", times=2)
    faults.fail("PutObject", 404, "NoSuchBucket", times=2)
    assert ensure(cloud, NAME)
    assert faults.count("PutPublicAccessBlock") == 3
    cloud.call("s3", "PutObject", Bucket=NAME, Key="k", Body=b"x")
    assert list(listings.keys(cloud, NAME, "")) == ["k"]


def test_a_bucket_that_is_gone_is_told_at_once(cloud: Cloud, faults: Faults) -> None:
    with pytest.raises(AwsError, match="NoSuchBucket"):
        cloud.call("s3", "PutObject", Bucket=NAME, Key="k", Body=b"x")
    assert faults.count("PutObject") == 1


@pytest.mark.usefixtures("pauses")
def test_an_outage_after_the_first_answer_is_waited_out(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That there is no such bucket is an answer, and so it is not the wrong address."""
    monkeypatch.setattr(client, "FIRST_CONTACT", 0.0)
    faults.fail("CreateBucket", 503, "ServiceUnavailable", times=3)
    assert ensure(cloud, NAME)


@pytest.mark.usefixtures("pauses")
def test_a_bucket_whose_answer_was_lost_is_ours(cloud: Cloud, s3: Any, faults: Faults) -> None:
    faults.lose_answer("CreateBucket", 1)
    assert ensure(cloud, NAME)
    found = s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"]
    assert {name: found[name] for name in CLOSED} == dict.fromkeys(CLOSED, True)


def test_a_bucket_that_cannot_be_closed_is_used_and_told(cloud: Cloud, s3: Any, faults: Faults) -> None:
    faults.fail("PutPublicAccessBlock", 403, "AccessDenied")
    assert ensure(cloud, NAME)
    assert buckets(s3) == [NAME]


# -- removing it


def test_a_key_prefix_removes_what_is_below_it_only(cloud: Cloud, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "KEYS_PER_CALL", 2)
    ensure(cloud, NAME)
    put(s3, *(f"dir/{number}" for number in range(5)), "dir", "dir2/x", "other/dir/x")
    bucket.remove(cloud, S3Place(NAME, "dir/", own=False))
    assert sorted(listings.keys(cloud, NAME, "")) == ["dir", "dir2/x", "other/dir/x"]


@pytest.mark.parametrize(
    ("key_prefix", "left"),
    [("/", ["x//y", "x/y"]), ("/x/", ["/", "/y", "x//y", "x/y"]), ("x//", ["/", "/x/y", "/y", "x/y"])],
)
def test_a_key_prefix_is_taken_to_the_letter(cloud: Cloud, s3: Any, key_prefix: str, left: list[str]) -> None:
    ensure(cloud, NAME)
    put(s3, "/", "/y", "/x/y", "x/y", "x//y")
    bucket.remove(cloud, S3Place(NAME, key_prefix, own=False))
    assert sorted(listings.keys(cloud, NAME, "")) == left


def test_without_a_key_prefix_all_goes_all_versions_too(cloud: Cloud, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "KEYS_PER_CALL", 2)
    ensure(cloud, NAME)
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    put(s3, "a", "a", "b/c", "d")
    s3.delete_object(Bucket=NAME, Key="d")
    bucket.remove(cloud, S3Place(NAME, "", own=False))
    assert buckets(s3) == []


def test_keys_of_any_characters_are_deleted(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    odd = ["\x01x", "a\x1fb", "cr\rlf", "tab\t", "<&>\"'", "a b+c%20", "\uffff", "plain"]
    put(s3, *(f"dir/{key}" for key in odd))
    bucket.remove(cloud, S3Place(NAME, "dir/", own=False))
    assert list(listings.keys(cloud, NAME, "")) == []


def test_keys_that_could_not_be_deleted_one_by_one_are_named(cloud: Cloud, s3: Any, faults: Faults) -> None:
    ensure(cloud, NAME)
    put(s3, "dir/\x01", "dir/x")
    faults.fail("DeleteObject", 403, "AccessDenied", "locked")
    with pytest.raises(CleanupError) as caught:
        bucket.remove(cloud, S3Place(NAME, "dir/", own=False))
    assert caught.value.lines == ["s3://the-bucket/dir/\x01 could not be deleted: locked"]
    assert list(listings.keys(cloud, NAME, "")) == ["dir/\x01"]


def test_what_versioning_keeps_of_a_key_prefix_is_told(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    put(s3, "dir/a", "dir/a", "dir/b", "c")
    with heard("jobbag.s3") as said:
        bucket.remove(cloud, S3Place(NAME, "dir/", own=False))
    assert [line for line in said if "WARNING" in line and "3 versions of what was below s3://the-bucket/dir/" in line]
    assert list(listings.keys(cloud, NAME, "")) == ["c"]


def test_nothing_is_told_of_versions_where_there_are_none(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    put(s3, "dir/a")
    with heard("jobbag.s3") as said:
        bucket.remove(cloud, S3Place(NAME, "dir/", own=False))
    assert not [line for line in said if "WARNING" in line]


@pytest.mark.parametrize("key_prefix", ["", "dir/"])
def test_what_is_gone_already_is_fine(key_prefix: str, cloud: Cloud, s3: Any) -> None:
    bucket.remove(cloud, S3Place(NAME, key_prefix, own=False))
    assert buckets(s3) == []


def test_objects_that_could_not_be_deleted_are_named(cloud: Cloud, s3: Any, faults: Faults) -> None:
    ensure(cloud, NAME)
    put(s3, "a", "b")

    def refuse(_: Request, __: Forward) -> Answer:
        failed = "<Error><Key>a</Key><Code>AccessDenied</Code><Message>locked</Message></Error>"
        return Answer("200 OK", [], f"<DeleteResult>{failed}</DeleteResult>".encode())

    faults.on("DeleteObjects", refuse)
    with pytest.raises(CleanupError) as caught:
        bucket.remove(cloud, S3Place(NAME, "", own=False))
    assert caught.value.lines == ["s3://the-bucket/a could not be deleted: locked"]


def test_unfinished_uploads_of_a_killed_run_are_given_up(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    s3.create_multipart_upload(Bucket=NAME, Key="large")
    bucket.take_down(cloud, PLACE, {"large"})
    assert buckets(s3) == []


# -- at the end of a run


@pytest.mark.usefixtures("pauses")
def test_a_bucket_that_may_be_there_when_the_run_gives_up_goes_with_it(
    cloud: Cloud, s3: Any, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("OUTAGE", "FIRST_CONTACT"):
        monkeypatch.setattr(client, patience, 0.0)

    def lose(request: Request, forward: Forward) -> Answer:
        forward()
        return error(request.service, 503, "ServiceUnavailable", "down")

    faults.on("CreateBucket", lose)
    task = TaskOnAws(Bag((), ()), Plan(None, None, None, None), PLACE, cloud)
    cleanup = Cleanup(task, lambda _: None, "run")
    with pytest.raises(AwsError, match="CreateBucket failed: down"):
        cleanup.make_bucket(is_there=False)
    assert buckets(s3) == [NAME]
    assert cleanup.take_down(cloud) == []
    assert buckets(s3) == []


def test_the_bucket_of_a_run_goes_with_what_the_run_sent(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    put(s3, "a", "b")
    assert bucket.take_down(cloud, PLACE, {"a", "b"}) == []
    assert buckets(s3) == []


def test_a_bucket_of_a_run_with_versions_goes_too(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    put(s3, "a", "a", "b")
    assert bucket.take_down(cloud, PLACE, {"a", "b"}) == []
    assert buckets(s3) == []


def test_versions_of_others_keep_the_bucket_and_are_named(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    put(s3, "a", "result")
    s3.delete_object(Bucket=NAME, Key="result")
    assert bucket.take_down(cloud, PLACE, {"a"}) == ["versions of result"]
    assert buckets(s3) == [NAME]


def test_results_are_never_deleted(cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    put(s3, "a", "b", *(f"results/{number:02}" for number in range(12)))
    left = bucket.take_down(cloud, PLACE, {"a", "b"})
    assert left == [f"results/{number:02}" for number in range(bucket.SHOWN)]
    assert list(listings.keys(cloud, NAME, "")) == [f"results/{number:02}" for number in range(12)]


def test_a_result_that_comes_at_the_last_moment_stays(cloud: Cloud, s3: Any, faults: Faults) -> None:
    ensure(cloud, NAME)

    def arrive(request: Request, _: Forward) -> Answer:
        put(s3, "late")
        return error(request.service, 409, "BucketNotEmpty", "not empty")

    faults.on("DeleteBucket", arrive, times=1)
    assert bucket.take_down(cloud, PLACE, {"large"}) == ["late"]


@pytest.mark.parametrize("page_size", [1, 3])
def test_long_listings_are_read_to_their_end(page_size: int, cloud: Cloud, s3: Any) -> None:
    ensure(cloud, NAME)
    put(s3, *"abcdefg")
    # Page by page, as the service does it with thousands.
    boto = cloud._connection.client("s3", cloud.region)
    boto.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": page_size}
    )
    assert list(listings.keys(cloud, NAME, "")) == list("abcdefg")
