"""A private embedded AWS: on a shared machine, who can submit jobs could run anything as another user."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from jobbag.local import CREDENTIALS, LocalAws
from jobbag.local.web import Server


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(slots=1, private=True) as running:
        yield running


def client(aws: LocalAws, service: str, key: str) -> Any:
    make: Any = boto3.client
    credentials = {**CREDENTIALS, "aws_access_key_id": key}
    return make(service, endpoint_url=aws.endpoint, region_name="us-east-1", **credentials)


def test_the_own_key_is_let_in(aws: LocalAws) -> None:
    key = CREDENTIALS["aws_access_key_id"]
    assert client(aws, "batch", key).describe_job_queues()["jobQueues"] == []
    assert client(aws, "s3", key).list_buckets()["Buckets"] == []


def test_a_client_that_leaves_before_its_answer_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(lambda *_: [], None)
    for error in (BrokenPipeError(), ValueError("told")):
        try:
            raise error
        except Exception:
            server.handle_error(None, ("127.0.0.1", 1))
    server.server_close()
    said = capsys.readouterr().err
    assert "BrokenPipeError" not in said
    assert "ValueError: told" in said


@pytest.mark.parametrize("key", ["local", "test"])
def test_any_other_key_gets_nothing(aws: LocalAws, key: str) -> None:
    with pytest.raises(ClientError, match=r"403|UnrecognizedClient"):
        client(aws, "s3", key).list_buckets()
    with pytest.raises(ClientError, match="UnrecognizedClient"):
        client(aws, "batch", key).describe_job_queues()


def raw(aws: LocalAws, head: str, body: bytes = b"") -> bytes:
    """What the server answers to a request; it must not wait for more of it."""
    host, port = aws.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(head.encode() + b"\r\n\r\n" + body)
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
    return answer


STRANGER = "PUT /bucket/key HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x/1/r/s3/aws4_request"


@pytest.mark.parametrize(
    "more",
    ["Content-Length: 380000000", "Content-Length: 380000000\r\nExpect: 100-continue", "Transfer-Encoding: chunked"],
)
def test_nothing_is_read_from_a_stranger(aws: LocalAws, more: str) -> None:
    for head in (f"{STRANGER}\r\n{more}", f"PUT /bucket/key HTTP/1.1\r\nHost: x\r\n{more}"):
        answer = raw(aws, head, b"" if "Expect" in more else b"x" * 1000)
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"100 Continue" not in answer


@pytest.mark.parametrize("length", ["-1", "many", "5368709121", "9" * 30])
def test_no_body_is_without_bound(aws: LocalAws, length: str) -> None:
    head = STRANGER.replace("Credential=x", f"Credential={CREDENTIALS['aws_access_key_id']}")
    assert raw(aws, f"{head}\r\nContent-Length: {length}").startswith(b"HTTP/1.1 413 ")


def test_a_server_of_its_own_is_private_too(tmp_path: Path) -> None:
    lib = str(Path(__file__).resolve().parents[3] / "lib")
    with subprocess.Popen(
        [sys.executable, "-m", "jobbag.local"],
        env={"PYTHONPATH": lib, "PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            told = dict(server.stdout.readline().strip().split("=", 1) for _ in range(3))
            assert told.keys() == {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
            line = http.client.HTTPConnection(told["AWS_ENDPOINT_URL"].removeprefix("http://"), timeout=60)
            for key, status in ((told["AWS_ACCESS_KEY_ID"], 200), ("test", 403)):
                scope = f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/batch/aws4_request"
                line.request("POST", "/v1/describejobqueues", b"{}", {"Authorization": scope})
                answer = line.getresponse()
                answer.read()
                assert answer.status == status
            line.close()
        finally:
            server.terminate()
