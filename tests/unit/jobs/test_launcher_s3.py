"""How the launcher's program calls S3: what is tried again, what is told, what is signed."""

from __future__ import annotations

import ast
import email.message
import hashlib
import io
import os
import shlex
import socket
import threading
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from jobbag.jobs import launcher, launcher_s3
from jobbag.jobs.launcher_s3 import S3, Content, Failure, LocalFailure
from jobbag.s3.place import Encryption

KEY = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret/+", "AWS_SESSION_TOKEN": "to/ken+=="}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://there/asked", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let me"}
PLACE = {"AWS_ENDPOINT_URL": "http://s3.there/", "PEGASUS_AWS_BATCH_REGION": "eu-west-3"}


def error(status: int, code: str = "", message: str = "") -> urllib.error.HTTPError:
    body = f"<?xml?>\n<Error><Code>{code}</Code>\n<Message>{message}</Message></Error>" if code else ""
    return urllib.error.HTTPError("http://x", status, "Its reason", email.message.Message(), io.BytesIO(body.encode()))


class Opener:
    """What answers the requests, one after the other; None: with `ok`."""

    def __init__(self, *answers: Exception | bytes) -> None:
        self.answers = list(answers)
        self.requests: list[urllib.request.Request] = []

    def open(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert timeout == launcher_s3.PATIENCE
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)


def s3_with(monkeypatch: pytest.MonkeyPatch, opener: Opener, **environ: str) -> S3:
    """One whose requests are answered by the opener."""
    monkeypatch.setattr(urllib.request, "build_opener", lambda *_: opener)
    return S3({**PLACE, **(environ or KEY)})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("jobbag.jobs.launcher_s3.time.sleep", made.append)
    return made


def test_what_fails_for_a_while_is_tried_again(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    failing = [error(500), error(503, "SlowDown", "x"), ConnectionResetError("gone"), error(400, "RequestTimeout", "x")]
    assert s3_with(monkeypatch, Opener(*failing, b"ok")).call("GET", "s3://b/k") == b"ok"
    assert pauses == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("answers", "said", "final"),
    [
        ([error(403, "AccessDenied", "Not\n for you")], "HTTP Error 403: AccessDenied: Not for you", True),
        ([error(404)], "HTTP Error 404: Its reason", True),
        ([error(500, "InternalError", "x") for _ in range(5)], "HTTP Error 500: InternalError: x", False),
        ([ConnectionRefusedError(111, "Connection refused")] * 5, "[Errno 111] Connection refused", False),
    ],
)
def test_a_failure_tells_what_s3_said(
    answers: list[Exception], said: str, final: bool, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    s3 = s3_with(monkeypatch, Opener(*answers))
    with pytest.raises(Failure) as found:
        s3.call("PUT", "s3://b/a key", b"x")
    assert str(found.value) == f"cannot send s3://b/a key (region eu-west-3): {said}"
    assert (found.value.is_final, len(pauses)) == (final, len(answers) - 1)


def test_a_failure_without_credentials_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=r"^cannot fetch s3://b/k .*: without credentials: HTTP Error 403"):
        s3_with(monkeypatch, Opener(error(403)), AWS_ACCESS_KEY_ID="").call("GET", "s3://b/k")


def test_credentials_of_the_container_are_fetched_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may expire while many files are sent."""
    now = 0.0
    monkeypatch.setattr("jobbag.jobs.launcher_s3.time.monotonic", lambda: now)
    found = [f'{{"AccessKeyId": "{one}", "SecretAccessKey": "s", "Token": "t"}}'.encode() for one in ("A", "B")]
    opener = Opener(found[0], b"", b"", found[1], b"")
    s3 = s3_with(monkeypatch, opener, **CONTAINER)
    s3.call("GET", "s3://b/k")
    s3.call("GET", "s3://b/k")
    now += launcher_s3.FRESH
    s3.call("GET", "s3://b/k")
    told = [str(one.get_header("Authorization")).partition("Credential=")[2][:1] for one in opener.requests]
    assert told == ["", "A", "A", "", "B"]
    assert opener.requests[0].get_header("Authorization") == "let me"


KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), min_size=1, max_size=30)


@given(key=KEYS, body=st.binary(max_size=30), query=st.sampled_from([{}, {"uploads": ""}, {"uploadId": "a/b+c="}]))
def test_requests_are_signed_as_aws_wants_it(key: str, body: bytes, query: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        opener = Opener(b"")
        s3_with(monkeypatch, opener).call(
            "PUT", f"s3://b/{key}", body, {"x-amz-server-side-encryption": "AES256"}, **query
        )
    request = opener.requests[0]
    headers = {name.lower(): value for name, value in request.header_items()}
    assert headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    theirs = AWSRequest("PUT", request.full_url, {name: headers[name] for name in headers if name.startswith("x-amz-")})
    theirs.context["timestamp"] = headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials(*KEY.values()), "s3", "eu-west-3")
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    assert headers["authorization"].endswith(f",Signature={signer.signature(text, theirs)}")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://b/a/é ?", "http://s3.there/b/a/%C3%A9%20%3F"),
        ("s3://arn:aws:s3:eu-west-3:123456789012:accesspoint/p/k", "https://p-123456789012.s3-accesspoint.there/k"),
    ],
)
def test_where_an_object_is(url: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = Opener(b"")
    s3_with(monkeypatch, opener).call("GET", url)
    assert opener.requests[0].full_url == address


def test_a_server_that_refuses_before_it_has_the_body_is_heard(tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 20_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server, closing(Content(str(tmp_path / "large"))) as content:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                body = b"<Error><Code>AccessDenied</Code></Error>"
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=serve)
        thread.start()
        s3 = S3({**KEY, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.getsockname()[1]}"})
        with pytest.raises(Failure, match="HTTP Error 403: AccessDenied"):
            s3.call("PUT", "s3://b/k", content)
        thread.join()


def read_all(content: Content) -> bytes:
    return b"".join(iter(content.read, b""))


def test_a_file_that_changes_while_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"12345")
    with closing(Content(str(path))) as content:
        path.write_bytes(b"1234567")
        content.rewind()
        assert (content.size, read_all(content)) == (5, b"12345")
        path.write_bytes(b"123")
        content.rewind()
        with pytest.raises(LocalFailure, match="log: it has become smaller"):
            read_all(content)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LocalFailure, match="none: No such file or directory"):
        Content(str(tmp_path / "none"))


def test_the_program_stands_for_itself_and_is_of_python_36() -> None:
    text = launcher.files_text(Encryption())
    lines = next(word for word in shlex.split(text, comments=False) if word.startswith('"""S3'))
    program = ast.parse(lines, feature_version=(3, 6))
    imported = [str(node.module) for node in ast.walk(program) if isinstance(node, ast.ImportFrom)]
    assert imported
    assert not [name for name in imported if name.startswith("jobbag")]
