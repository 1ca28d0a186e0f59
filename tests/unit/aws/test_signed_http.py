"""What goes to AWS without a botocore client, and what is made of the answers."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from jobbag.aws import signed_http
from jobbag.aws.signed_http import JsonApi, PutObject, Signer

SIGNER = Signer(Credentials("AKID", "the secret", "the token"), True, 10)


class FakeSession:
    """The pool of connections: gives one answer, and keeps the request."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", dict[str, str]()
        self.sent: Any = None
        self.made_with: dict[str, Any] = {}

    def make(self, **options: Any) -> FakeSession:
        self.made_with = options
        return self

    def send(self, request: Any) -> Any:
        self.sent = request
        return SimpleNamespace(status_code=self.status, content=self.body, headers=self.headers)

    def header(self, name: str) -> str:
        value = self.sent.headers[name]
        return value.decode() if isinstance(value, bytes) else str(value)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    fake = FakeSession()
    monkeypatch.setattr(signed_http, "URLLib3Session", fake.make)
    return fake


def client(protocol: str = "rest-json", endpoint: str = "https://batch.example/") -> Any:
    """A client of boto3, as far as it is needed."""
    metadata = {"protocol": protocol, "jsonVersion": "1.1", "targetPrefix": "Logs_20140328"}
    model = SimpleNamespace(
        metadata=metadata,
        signing_name="batch",
        operation_model=lambda name: SimpleNamespace(http={"requestUri": f"/v1/{name.lower()}"}),
    )
    config = SimpleNamespace(user_agent="the tool", proxies={}, proxies_config=None, client_cert=None)
    meta = SimpleNamespace(endpoint_url=endpoint, service_model=model, region_name="eu-west-3", config=config)
    return SimpleNamespace(meta=meta, generate_presigned_url=lambda *_, **__: f"{endpoint}k?Signature=x")


# -- APIs in JSON


def test_a_call_goes_signed_to_the_address_of_its_api(session: FakeSession) -> None:
    session.body = b'{"jobId": "id"}'
    assert JsonApi(client(), SIGNER).call("SubmitJob", {"jobName": "é"}) == {"jobId": "id"}
    assert (session.sent.method, session.sent.url) == ("POST", "https://batch.example/v1/submitjob")
    assert json.loads(session.sent.body) == {"jobName": "é"}
    assert session.header("Content-Type") == "application/json"
    assert session.header("User-Agent") == "the tool"
    assert "Credential=AKID/" in session.header("Authorization")
    assert "/eu-west-3/batch/" in session.header("Authorization")
    assert session.header("X-Amz-Security-Token") == "the token"
    assert "the secret" not in str(session.sent.headers)


def test_a_service_with_one_address_is_told_the_api_in_a_header(session: FakeSession) -> None:
    JsonApi(client("json"), SIGNER).call("GetLogEvents", {})
    assert session.header("X-Amz-Target") == "Logs_20140328.GetLogEvents"
    assert session.header("Content-Type") == "application/x-amz-json-1.1"


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"", {}),
        (b'{"a": 1, "b": null, "c": [{"d": null, "e": 2}, null]}', {"a": 1, "c": [{"e": 2}, None]}),
        (b'{"message": "x: null"}', {"message": "x: null"}),
        (b"<html>a proxy</html>", {}),
        (b"[1]", {}),
        (b"\xff\xfe", {}),
    ],
)
def test_an_answer_is_an_object_without_members_that_are_null(
    session: FakeSession, body: bytes, content: dict[str, Any]
) -> None:
    session.body = body
    assert JsonApi(client(), SIGNER).call("DescribeJobs", {}) == content


@pytest.mark.parametrize(
    ("status", "headers", "body", "code", "message"),
    [
        (400, {"x-amzn-errortype": "ClientException:http://x"}, {"message": "no queue"}, "ClientException", "no queue"),
        (400, {}, {"__type": "com.amazon#ThrottlingException", "Message": "slow"}, "ThrottlingException", "slow"),
        (403, {}, {"code": "AccessDenied"}, "AccessDenied", ""),
        (503, {}, None, "503", ""),
    ],
)
def test_a_refusal_has_the_code_and_the_words_of_aws(
    session: FakeSession, status: int, headers: dict[str, str], body: Any, code: str, message: str
) -> None:
    session.status, session.headers = status, headers
    session.body = b"<html>" if body is None else json.dumps(body).encode()
    with pytest.raises(ClientError) as refused:
        JsonApi(client(), SIGNER).call("SubmitJob", {})
    assert refused.value.operation_name == "SubmitJob"
    assert refused.value.response["Error"] == {"Code": code, "Message": message}
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


# -- objects


@pytest.mark.parametrize(
    ("key", "path"), [("a/b.txt", "a/b.txt"), ("a b+é?#%.txt", "a%20b%2B%C3%A9%3F%23%25.txt"), ("~x", "~x")]
)
def test_an_object_goes_to_its_key_with_a_checksum(session: FakeSession, key: str, path: str) -> None:
    PutObject(client(endpoint="https://bucket.s3.example/"), SIGNER, "bucket").put(key, b"content")
    assert (session.sent.method, session.sent.url) == ("PUT", f"https://bucket.s3.example/{path}")
    assert session.sent.body == b"content"
    checksum = zlib.crc32(b"content").to_bytes(4, "big")
    assert base64.b64decode(session.header("x-amz-checksum-crc32")) == checksum
    assert "/eu-west-3/s3/" in session.header("Authorization")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_content_is_signed(session: FakeSession, scheme: str) -> None:
    PutObject(client(endpoint=f"{scheme}://bucket.s3.example/"), SIGNER, "bucket").put("k", b"content")
    assert session.header("X-Amz-Content-SHA256") == hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (403, b"<Error><Code>AccessDenied</Code><Message>not you</Message></Error>", "AccessDenied", "not you"),
        (503, b"<html>slow down</html>", "503", "<html>slow down</html>"),
        (500, b"\xff" * 300, "500", "\ufffd" * 200),
    ],
)
def test_an_object_that_is_refused(session: FakeSession, status: int, body: bytes, code: str, message: str) -> None:
    session.status, session.body = status, body
    with pytest.raises(ClientError) as refused:
        PutObject(client(), SIGNER, "bucket").put("k", b"")
    assert refused.value.response["Error"] == {"Code": code, "Message": message}
    assert refused.value.operation_name == "PutObject"


def test_connections_are_those_of_the_client_and_give_up_in_time(session: FakeSession) -> None:
    JsonApi(client(), Signer(SIGNER.credentials, "/my/ca.pem", 7))
    assert (session.made_with["verify"], session.made_with["max_pool_connections"]) == ("/my/ca.pem", 7)
    assert session.made_with["proxies"] == {}
    assert all(seconds > 0 for seconds in session.made_with["timeout"])
