"""Whatever a server answers to whatever call: it is an answer, or an error in one line. Nothing else comes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.httpsession import URLLib3Session

from helpers.bodies import Body
from jobbag.aws import client, connection
from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.errors import AwsError

REGION = "us-west-2"
KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
UPLOAD = {"Key": "k", "UploadId": "u"}
CALLS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {  # of each service, all that the tool makes
    "s3": {
        "HeadBucket": {}, "CreateBucket": {}, "DeleteBucket": {},
        "PutPublicAccessBlock": {"PublicAccessBlockConfiguration": {}},
        "HeadObject": {"Key": "k"}, "PutObject": {"Key": "k"}, "DeleteObject": {"Key": "k"},
        "DeleteObjects": {"Delete": {"Objects": [{"Key": "k"}]}}, "ListObjectsV2": {}, "ListObjectVersions": {},
        "ListMultipartUploads": {}, "ListParts": UPLOAD, "CreateMultipartUpload": {"Key": "k"},
        "UploadPart": {**UPLOAD, "PartNumber": 1}, "CompleteMultipartUpload": UPLOAD, "AbortMultipartUpload": UPLOAD,
    },
    "sts": {"GetCallerIdentity": {}},
    "iam": {
        "GetRole": {"RoleName": "r"},
        "SimulatePrincipalPolicy": {"PolicySourceArn": "a" * 20, "ActionNames": ["s3:ListBucket"]},
    },
    "batch": {
        name: {}
        for name in (
            "SubmitJob", "DescribeJobs", "ListJobs", "TerminateJob", "TerminateJobs", "DescribeJobQueues",
            "DescribeComputeEnvironments", "DescribeJobDefinitions", "CreateJobQueue", "CreateComputeEnvironment",
            "RegisterJobDefinition", "UpdateJobQueue", "UpdateComputeEnvironment", "DeleteJobQueue",
            "DeleteComputeEnvironment", "DeregisterJobDefinition", "GetJobQueueSnapshot",
        )
    },
    "logs": {name: {} for name in ("FilterLogEvents", "GetLogEvents", "DeleteLogStream")},
}  # fmt: skip
PAGES = {
    "HTML": b"<!DOCTYPE html>\n<html><body>log in<br></body></html>",
    "XHTML": b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C" "http://x"><html><p>log in</p></html>',
    "a short page": b"\xef\xbb\xbf<HTML><p>log in</p></HTML>",
    "words": b"go away",
    "no UTF-8": b"\xff\xfe\x00",
}
BODIES: Mapping[str, bytes] = PAGES | {
    text.decode(): text
    for text in (
        b"", b"{}", b"[]", b"null", b'"x"', b'{"Error": 7}', b'{"message": {"a": 1}}', b'{"__type": ["x"]}',
        b'{"code": {"x": 1}, "Message": ["a"]}', b"<a/>", b"<a", b"<Error/>", b"<Error><Code/></Error>",
        b"<Error><Code>x</Code><Code>y</Code></Error>", b"<Error><Code><a/></Code></Error>", b"<ErrorResponse/>",
        b"<ErrorResponse><Error/></ErrorResponse>", b"<ErrorResponse><Error>x</Error></ErrorResponse>",
        b"<L><IsTruncated>maybe</IsTruncated><Contents><Size>big</Size></Contents></L>",
        b"<L><IsTruncated/><Contents/></L>",
        b"<L><IsTruncated>false</IsTruncated><Version/><DeleteMarker/><Upload/><Part/></L>",
        b"<R><GetCallerIdentityResult>x</GetCallerIdentityResult><ResponseMetadata/></R>",
        b"<R><GetRoleResult><Role/></GetRoleResult></R>", b"<DeleteResult><Error/></DeleteResult>",
    )
}  # fmt: skip
STATUSES = (200, 204, 301, 302, 403, 404, 405, 500, 501)  # and 429 is asked again for ever
Answering = Callable[[int, bytes], None]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Sets the HTTP status and the body of all answers."""
    given: list[tuple[int, bytes]] = [(200, b"")]

    def send(_: Any, request: Any) -> AWSResponse:
        status, body = given[0]
        headers: Any = HeadersDict({"content-type": "text/html"})
        content: Any = Body(b"" if request.method == "HEAD" else body)
        return AWSResponse(request.url, status, headers, content)

    monkeypatch.setattr(URLLib3Session, "send", send)
    return lambda status, body: given.__setitem__(0, (status, body))


@pytest.fixture(scope="module")
def whole_cloud() -> Iterator[Cloud]:
    """With the clients of all services, as they are slow to make; nobody waits."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for bound in ("UNFIT", "OUTAGE", "FIRST_CONTACT"):
            patch.setattr(client, bound, 0.0)
        patch.setattr(Cloud, "pause", lambda *_: None)
        patch.setattr(connection, "in_time", lambda call, _: call())
        yield Cloud(Access("http://127.0.0.1:1", REGION, KEYS))


def calls(cloud: Cloud) -> Iterator[Callable[[], object]]:
    for service, operations in CALLS.items():
        for operation, params in operations.items():
            more = {"Bucket": "my-bucket"} if service == "s3" else {}
            yield partial(cloud.call, service, operation, **params, **more)
    yield lambda: cloud.persist("s3", "PutObject", lambda: cloud.put_object("my-bucket", "k", b"x"))
    part = partial(cloud.put_part, "my-bucket", "k", ("u", 1), b"x", lambda _: None)
    yield lambda: cloud.persist("s3", "UploadPart", part)
    yield lambda: cloud.persist("s3", "GetObject", lambda: cloud.get_object("my-bucket", "k"))
    got = partial(cloud.get_part, "my-bucket", "k", '"e"', range(4), lambda _: None)
    yield lambda: cloud.persist("s3", "GetObject", got)


def refused(call: Callable[[], object]) -> AwsError | None:
    """The error of a call, if it is one. Raises what is none of ours."""
    try:
        call()
    except AwsError as error:
        return error
    return None


@pytest.mark.parametrize("body", BODIES)
def test_nothing_else_comes_out(body: str, answering: Answering, whole_cloud: Cloud) -> None:
    turn = list(BODIES).index(body)
    for number, call in enumerate(calls(whole_cloud)):
        for status in (200, STATUSES[(turn + number) % len(STATUSES)]):
            answering(status, BODIES[body])
            said = str(refused(call))
            assert len(said.splitlines()) == 1
            assert len(said) < 400


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_never_an_answer(page: str, answering: Answering, whole_cloud: Cloud) -> None:
    for status in (200, 302, 403):
        answering(status, PAGES[page])
        for call in calls(whole_cloud):
            error = refused(call)
            assert error is not None
            if "Head" not in error.operation or status != 403:
                assert error.code == "NoAnswer", error
