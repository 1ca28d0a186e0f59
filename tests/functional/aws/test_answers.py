"""Whatever comes as an answer of AWS: it is asked for again, for a bounded time, and named. Nobody leans on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobbag.aws import client, paging
from jobbag.aws.answers import NEEDED
from jobbag.aws.client import Cloud
from jobbag.aws.connection import QUICK
from jobbag.errors import AwsError
from jobbag.events.observation import LogPlace
from jobbag.logs.streams import stream_events
from jobbag.s3 import bucket

from ..fault_layer import Answer, Faults, Forward, Request

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "SubmitJob": ("batch", {"jobName": "x", "jobQueue": "q", "jobDefinition": "d"}),
    "DescribeJobs": ("batch", {"jobs": ["x"]}),
    "ListJobs": ("batch", {"jobQueue": "q"}),
    "DescribeJobQueues": ("batch", {}),
    "DescribeComputeEnvironments": ("batch", {}),
    "DescribeJobDefinitions": ("batch", {}),
    "CreateJobQueue": ("batch", {}),
    "CreateComputeEnvironment": ("batch", {}),
    "RegisterJobDefinition": ("batch", {}),
    "FilterLogEvents": ("logs", {"logGroupName": "g"}),
    "GetLogEvents": ("logs", {"logGroupName": "g", "logStreamName": "s"}),
    "GetCallerIdentity": ("sts", {}),
    "GetRole": ("iam", {"RoleName": "r"}),
    "SimulatePrincipalPolicy": ("iam", {"PolicySourceArn": "a" * 20, "ActionNames": ["s3:ListBucket"]}),
    "CreateMultipartUpload": ("s3", {"Bucket": "my-bucket", "Key": "k"}),
    "ListObjectsV2": ("s3", {"Bucket": "my-bucket"}),
    "ListObjectVersions": ("s3", {"Bucket": "my-bucket"}),
    "ListMultipartUploads": ("s3", {"Bucket": "my-bucket"}),
}
IN_JSON = [name for name, (service, _) in CALLS.items() if service in QUICK]
ANY: dict[str, Answer] = {
    "HTML": Answer("200 OK", [("Content-Type", "text/html")], HTML),
    "text": Answer("200 OK", body=b"go away"),
    "nothing": Answer("200 OK"),
    "broken off": Answer("200 OK", body=b'{"jobs": [{"jobId'),
    "other XML": Answer.of_xml("<html><body>Please log in</body></html>"),
    "HTML with 403": Answer("403 Forbidden", body=HTML),
    "HTML with 502": Answer("502 Bad Gateway", body=HTML),
    "302": Answer("302 Found", [("Location", "http://127.0.0.1:1/")]),
}
OF_JSON: dict[str, Callable[[str], object]] = {
    "null": lambda _: None,
    "a list": lambda _: [],
    "a text": lambda _: "x",
    "no members": lambda _: {},
    "members null": lambda member: {member: None},
    "members of another type": lambda member: {member: {"a": 1} if member != "jobs" else "x"},
    "lists of another type": lambda member: {member: [1, None]},
}


def ask(cloud: Cloud, operation: str) -> Any:
    service, params = CALLS[operation]
    return cloud.call(service, operation, **params)


@pytest.fixture(autouse=True)
def _in_a_hurry(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits, and what goes on is given up at once."""
    del pauses
    for bound in ("UNFIT", "OUTAGE", "FIRST_CONTACT"):
        monkeypatch.setattr(client, bound, 0.0)


def assert_named(cloud: Cloud, operation: str) -> None:
    with pytest.raises(AwsError) as caught:
        ask(cloud, operation)
    words = str(caught.value)
    assert words.startswith(f"{operation} failed: ")
    assert "internal" not in words
    assert len(words.splitlines()) == 1


def test_every_answer_that_is_leant_on_is_in_the_table() -> None:
    others = {"HeadObject", "PutObject", "UploadPart", "CompleteMultipartUpload"}  # in headers, or for an upload
    assert CALLS.keys() | others == NEEDED.keys()


@pytest.mark.parametrize("answer", ANY)
def test_what_is_no_answer_is_named(answer: str, cloud: Cloud, faults: Faults) -> None:
    for operation in CALLS:
        faults.on(operation, lambda *_: ANY[answer])
        assert_named(cloud, operation)


def test_json_that_is_no_answer_is_named(cloud: Cloud, faults: Faults) -> None:
    for operation in IN_JSON:
        for content in OF_JSON.values():
            faults.forget()
            bad = Answer.of(content(next(iter(NEEDED[operation]))))
            faults.on(operation, lambda *_, bad=bad: bad)
            assert_named(cloud, operation)


def test_what_is_no_answer_is_asked_for_again(cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("UNFIT", "OUTAGE", "FIRST_CONTACT"):
        monkeypatch.setattr(client, bound, 60.0)
    all_bad = [*ANY.values(), *(Answer.of(content("jobQueues")) for content in OF_JSON.values())]
    for bad in all_bad:
        faults.on("DescribeJobQueues", lambda *_, bad=bad: bad, times=1)
    assert ask(cloud, "DescribeJobQueues")["jobQueues"] == []
    assert faults.count("DescribeJobQueues") == len(all_bad) + 1


def test_after_no_answer_the_call_may_have_taken_effect(cloud: Cloud, faults: Faults) -> None:
    for answer in ("HTML", "text", "broken off", "nothing"):
        faults.on("SubmitJob", lambda *_, answer=answer: ANY[answer], times=1)
        with pytest.raises(AwsError) as caught:
            cloud.call_once("batch", "SubmitJob", **CALLS["SubmitJob"][1])
        assert caught.value.unsure


JOB: dict[str, Any] = {"jobId": "1", "jobName": "one", "status": "RUNNING"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"status": 7}, r"jobs\[0\]\.status is 7"),
    ({"startedAt": 10**18}, r"jobs\[0\]\.startedAt is 1000000000000000000"),
    ({"startedAt": -1}, "startedAt is -1"),
    ({"createdAt": "x"}, "createdAt is a text"),
    ({"stoppedAt": 1.5}, r"stoppedAt is 1\.5"),
    ({"statusReason": ["a"]}, "statusReason is a list"),
    ({"statusReason": "x" * 3_000_000}, "statusReason has 3000000 characters"),
    ({"container": []}, "container is a list"),
    ({"container": {"exitCode": 10**30}}, r"container\.exitCode is 1000"),
    ({"container": {"exitCode": "0"}}, "exitCode is a text"),
    ({"container": {"exitCode": True}}, "exitCode is True"),
    ({"container": {"logStreamName": 7}}, "logStreamName is 7"),
    ({"container": {"resourceRequirements": [{"type": "VCPU", "value": "inf"}]}}, "value is no amount"),
    ({"attempts": [None]}, r"attempts\[0\] is null"),
    ({"attempts": "xx"}, "attempts is a text"),
]


def test_what_a_job_cannot_be_is_named(cloud: Cloud, faults: Faults) -> None:
    for wrong, words in WRONG:
        faults.forget()
        bad = Answer.of({"jobs": [{**JOB, **wrong}]})
        faults.on("DescribeJobs", lambda *_, bad=bad: bad)
        with pytest.raises(AwsError, match=f"AWS Batch answered with something that is no answer: .*{words}"):
            ask(cloud, "DescribeJobs")


def test_an_answer_without_what_it_is_asked_for_is_named(cloud: Cloud, faults: Faults) -> None:
    faults.on("DescribeJobs", lambda *_: Answer.of({"more": 1}))
    with pytest.raises(AwsError, match="AWS Batch answered with something that is no answer: it has no jobs"):
        ask(cloud, "DescribeJobs")


def test_what_is_only_unusual_is_taken(cloud: Cloud, faults: Faults) -> None:
    job = {**JOB, "status": "LEVITATING", "startedAt": 1.7e12, "new": [1], "container": None, "statusReason": None}
    faults.on("DescribeJobs", lambda *_: Answer.of({"jobs": [job], "more": 1}))
    (found,) = ask(cloud, "DescribeJobs")["jobs"]
    assert found == {**JOB, "status": "LEVITATING", "startedAt": 1700000000000, "new": [1]}
    assert type(found["startedAt"]) is int


def test_a_small_object_is_there_only_when_s3_says_so(cloud: Cloud, faults: Faults) -> None:
    bucket.create(cloud, "my-bucket")
    faults.on("PutObject", lambda *_: ANY["HTML"], times=1)
    with pytest.raises(AwsError, match=r"Amazon S3 answered with something that is no answer: .*HTML"):
        cloud.persist("s3", "PutObject", lambda: cloud.put_object("my-bucket", "k", b"x"))
    cloud.put_object("my-bucket", "k", b"x")
    for answer in ("HTML", "302"):
        faults.on("GetObject", lambda *_, answer=answer: ANY[answer], times=1)
        with pytest.raises(AwsError, match="Amazon S3 answered with something that is no answer"):
            cloud.persist("s3", "GetObject", lambda: cloud.get_object("my-bucket", "k"))
    assert cloud.get_object("my-bucket", "k")[1] == [b"x"]


def test_a_message_of_s3_is_read_as_it_is_meant(cloud: Cloud, faults: Faults) -> None:
    bucket.create(cloud, "my-bucket")
    faults.fail("GetObject", 403, "AccessDenied", "no access to &quot;arn:a&amp;b&quot;")
    with pytest.raises(AwsError, match='no access to "arn:a&b"'):
        cloud.persist("s3", "GetObject", lambda: cloud.get_object("my-bucket", "k"))


# -- listings without an end


def lead(faults: Faults, token: Callable[[int], str], events: list[Any]) -> None:
    """Let each page have these events, and name the next one by the token for its number."""
    count = 0

    def act(_: Request, __: Forward) -> Answer:
        nonlocal count
        count += 1
        return Answer.of({"events": events, "nextToken": token(count), "nextForwardToken": token(count)})

    faults.on("FilterLogEvents", act)
    faults.on("GetLogEvents", act)


EVENT = {"timestamp": 1, "ingestionTime": 1, "message": "x", "logStreamName": "s"}


@pytest.mark.parametrize("events", [[], [EVENT]])
@pytest.mark.parametrize(
    ("token", "words"), [(lambda _: "again", "circle"), (lambda n: f"t{n % 3}", "circle"), (str, "no end")]
)
def test_a_listing_that_leads_nowhere_is_ended(
    token: Callable[[int], str],
    words: str,
    events: list[Any],
    cloud: Cloud,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "IN_VAIN", 5)
    lead(faults, token, events)
    with pytest.raises(AwsError, match=f"FilterLogEvents failed: the listing .*{words}"):
        list(cloud.pages("logs", "FilterLogEvents", logGroupName="g"))


@pytest.mark.parametrize(("token", "words"), [(lambda n: f"t{n % 3}", "circle"), (str, "no end")])
def test_a_stream_that_leads_nowhere_is_ended(
    token: Callable[[int], str], words: str, cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "IN_VAIN", 5)
    lead(faults, token, [])
    with pytest.raises(AwsError, match=f"GetLogEvents failed: the listing .*{words}"):
        list(stream_events(cloud, LogPlace("s", "g")))


# -- expired credentials


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("operation", ["HeadBucket", "HeadObject"])
def test_credentials_that_expired_are_waited_for_even_if_the_answer_does_not_say_so(
    operation: str, status: int, cloud: Cloud, faults: Faults
) -> None:
    bucket.create(cloud, "my-bucket")
    cloud.put_object("my-bucket", "k", b"x")
    params = {"Bucket": "my-bucket"} | ({"Key": "k"} if operation == "HeadObject" else {})
    faults.fail(operation, status, "", times=2)
    faults.fail("ListObjectsV2", 400, "ExpiredToken", "The provided token has expired.", times=2)
    cloud.call("s3", operation, **params)
    assert faults.count(operation) == 3


@pytest.mark.parametrize("operation", ["HeadBucket", "HeadObject"])
def test_a_refusal_of_good_credentials_is_believed_when_it_comes_twice(
    operation: str, cloud: Cloud, faults: Faults
) -> None:
    bucket.create(cloud, "my-bucket")
    params = {"Bucket": "my-bucket"} | ({"Key": "k"} if operation == "HeadObject" else {})
    faults.fail(operation, 403, "")
    for requests in (2, 3):  # once it is known that they are good, they are not asked about again
        with pytest.raises(AwsError) as caught:
            cloud.call("s3", operation, **params)
        assert caught.value.code == "403"
        assert faults.count(operation) == requests
