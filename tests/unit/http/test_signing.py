"""A request that is signed anew is, byte for byte, what botocore would send."""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

from helpers.bodies import Body
from jobbag.aws.connection import Access, Connection
from jobbag.http.signing import Signer

TLS = "https://127.0.0.1:1"
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "AWS": {},
    "a session token": {"AWS_SESSION_TOKEN": "token/+=="},
    "another server": {"AWS_ENDPOINT_URL": "http://127.0.0.1:1/some/path"},
    "TLS": {"AWS_ENDPOINT_URL": TLS},
    "TLS, on its own port": {"AWS_ENDPOINT_URL": "https://example.com:443"},
    "no checksums": {"AWS_ENDPOINT_URL": TLS, "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The requests that botocore would send, which nobody gets."""
    found: list[Any] = []

    def send(_: Any, request: Any) -> AWSResponse:
        found.append(request)
        content = b"" if request.method == "PUT" else b'{"jobId": "1"}'
        return AWSResponse(request.url, 200, {"etag": '"x"'}, Body(content))  # type: ignore[arg-type]

    monkeypatch.setattr(URLLib3Session, "send", send)
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "word", "AWS_DEFAULT_REGION": "us-west-2"}
    for name, value in {**environment, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return found


def signer_of(connection: Connection, request: Any) -> Signer:
    return Signer(request, connection._identity.credentials)


def headers_of(request: Any) -> dict[str, str]:
    return {
        name: value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name != "Expect"  # the small bodies that go this way are not worth a round trip
    }


def made(signer: Signer, request: Any) -> tuple[str, dict[str, str]]:
    """The first line and the headers that the signer makes for a request, at the time of that."""
    headers = headers_of(request)
    when = calendar.timegm(time.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    own = {"x-amz-date", "x-amz-content-sha256", "authorization", "content-length"}
    changed = {name.lower(): value for name, value in headers.items() if name.lower() not in own}
    if request.headers.get("Expect"):
        changed["expect"] = "100-continue"
    body = request.body if isinstance(request.body, bytes) else b""
    lines = signer.head(request.url, body, changed, when).decode().split("\r\n")
    assert lines[-2:] == ["", ""]
    fields = dict(line.split(": ", 1) for line in lines[1:-2])
    assert fields.pop("Accept-Encoding") == "identity"
    assert fields.pop("Host") == urlsplit(request.url).netloc.removesuffix(":443")
    return lines[0], fields


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_an_object(environment: Mapping[str, str], sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    connection = Connection(Access())
    put = connection.put_object("my-bucket", connection.region, {"ServerSideEncryption": "AES256"})
    put.put("first", b"1")
    put.put("some dir/a+b=c&é~", b"another content")
    first, second = sent
    line, fields = made(signer_of(connection, first), second)
    assert line == f"PUT {second.url.partition('://')[2].partition('/')[2].join(['/', ''])} HTTP/1.1"
    assert fields == headers_of(second)


def test_a_job(sent: list[Any]) -> None:
    connection = Connection(Access())
    connection.ask("batch", "SubmitJob", connection.region, {"jobName": "a"})
    connection.ask("batch", "SubmitJob", connection.region, {"jobName": "another"})
    first, second = sent
    assert made(signer_of(connection, first), second) == ("POST /v1/submitjob HTTP/1.1", headers_of(second))


def test_what_is_signed_in_another_way_is_botocores(sent: list[Any]) -> None:
    connection = Connection(Access())
    get = connection.put_object("my-bucket", connection.region, {})
    get.put("key", b"")
    (request,) = sent
    for name, value in (("Authorization", "AWS4-ECDSA-P256-SHA256 Credential=x"), ("X-Other", "y")):
        kept = request.headers.get(name)
        request.headers[name] = value
        if name == "X-Other":  # which the signature does not know
            signed = headers_of(request)["Authorization"].replace("SignedHeaders=", "SignedHeaders=x-other;")
            request.headers["Authorization"] = signed
        with pytest.raises(ValueError, match="signed in another way"):
            signer_of(connection, request)
        request.headers[name] = kept


def test_other_credentials_need_another_signer(sent: list[Any]) -> None:
    connection = Connection(Access())
    connection.put_object("my-bucket", connection.region, {}).put("key", b"")
    credentials = connection._identity.credentials
    signer = signer_of(connection, sent[0])
    assert signer.is_current
    credentials.secret_key = "another"
    assert not signer.is_current
