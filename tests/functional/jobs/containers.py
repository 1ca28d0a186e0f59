"""Containers in which the launcher runs, each with one shell, before an S3 that looks at signatures."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from helpers.servers import client
from helpers.tool import SCRIPTS
from jobbag.events.observation import Peak
from jobbag.jobs import launcher
from jobbag.logs.splitter import Splitter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
TOOLS = [
    "base64", "cat", "chmod", "date", "env", "mkdir", "mktemp", "od", "rm", "sh", "sha256sum", "sleep", "sort", "tr",
    "true", "wc",
]  # fmt: skip
WAYS = {"curl": shutil.which("curl"), "python3": sys.executable, "aws": shutil.which("aws", path=SCRIPTS)}
BUCKET, REGION = "a-bucket", "eu-west-3"
TOKEN = "0a1b2c.17"  # of the request
FAILED = 125  # exit status of a launcher that could not start the job
KEY = Credentials("AKIA", "secret/+", "to/ken+==")
TIMEOUT = 60  # s; no test waits for it


class Store:
    """An S3 that wants requests to be signed with KEY."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []  # what was asked for: path, bytes
        self.answers: list[str] = []  # statuses of the next answers
        self.refusals: dict[str, list[str]] = {}  # and of those to the next uploads, by the path
        self.headers: dict[str, dict[str, str]] = {}  # what S3 was told with uploads, by the path
        self.held: threading.Event | None = None  # uploads wait for it
        self.under_way = threading.Event()  # an upload waits
        self.home = ""

    @functools.cached_property
    def _s3(self) -> Any:
        """The test's own client."""
        return client(self.home, "s3")

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """The application with the gate before it."""

        def gate(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["HTTP_AUTHORIZATION"].startswith("AWS4-HMAC-SHA256 Credential=test/"):
                return application(environ, start_response)  # the test itself
            status, body = self._refusal(environ), b""
            if (environ["PATH_INFO"], environ["HTTP_AUTHORIZATION"]) in (("/asked", "let me in"), ("/task", "")):
                found = {"AccessKeyId": KEY.access_key, "SecretAccessKey": KEY.secret_key, "Token": KEY.token}
                status, body = "200 OK", json.dumps({"RoleArn": "arn:x", **found, "Expiration": "z"}, indent=1).encode()
            if status is None:
                return application(environ, start_response)
            if not body and environ["REQUEST_METHOD"] == "PUT":
                code, _, message = status.partition(" ")[2].partition(" ")
                body = f"<?xml?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
            start_response(status, [("Content-Length", str(len(body)))])
            return [body]

        def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ.setdefault("HTTP_AUTHORIZATION", "")
            return gate(environ, start_response)

        return noting

    def _refusal(self, environ: WSGIEnvironment) -> str | None:
        path = environ["PATH_INFO"].encode("latin-1").decode()
        self.seen.append((path, environ.get("HTTP_RANGE")))
        if self.answers:
            return self.answers.pop(0)
        if environ["HTTP_AUTHORIZATION"] != _signature(environ):
            return "403 Forbidden"
        return self._upload_refusal(path, environ) if environ["REQUEST_METHOD"] == "PUT" else None

    def _upload_refusal(self, path: str, environ: WSGIEnvironment) -> str | None:
        if self.held is not None:
            self.under_way.set()
            self.held.wait(TIMEOUT)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(body)
        headers = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_X_AMZ_")}
        self.headers[path] = headers
        if self.refusals.get(path):
            return self.refusals[path].pop(0)
        digest = hashlib.sha256(body)
        if headers["X_AMZ_CONTENT_SHA256"] != digest.hexdigest():
            return "400 XAmzContentSHA256Mismatch the payload is another"
        checksum = base64.b64encode(digest.digest()).decode()
        known = headers.get("X_AMZ_CHECKSUM_SHA256") == checksum or any("_CRC" in name for name in headers)
        return None if known else "400 BadDigest there is no right checksum"

    def clear(self) -> None:
        """Forget what was seen, and what was to go wrong; not the objects."""
        self.seen.clear()
        self.answers.clear()
        self.refusals.clear()
        self.headers.clear()
        self.held = None
        self.under_way.clear()

    def content(self, prefix: str) -> dict[str, bytes]:
        """The objects whose keys begin like this, by the rest."""
        keys = [one["Key"] for one in self._s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())]
        return {key[len(prefix) :]: self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def put(self, key: str, content: bytes) -> str:
        """Store an object; its URL."""
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"


def _signature(environ: WSGIEnvironment) -> str:
    """The Authorization header that botocore would give the request, if it names its signed headers as usual."""
    given = re.sub(",(?! )", ", ", environ["HTTP_AUTHORIZATION"])
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=\w+/\d+/([\w-]+)/s3/aws4_request, SignedHeaders=(.+), .+", given)
    if not found:
        return "none"
    names = {name: name.upper().replace("-", "_") for name in found[2].split(";") if name != "host"}
    headers = {name: environ.get(f"HTTP_{variable}", environ.get(variable)) for name, variable in names.items()}
    path = quote(environ["PATH_INFO"].encode("latin-1"), safe="/-_.~")  # S3 encodes anew what it has decoded
    query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
    request = AWSRequest(environ["REQUEST_METHOD"], f"http://{environ['HTTP_HOST']}{path}{query}", headers)
    request.context["timestamp"] = headers["x-amz-date"]
    assert headers["x-amz-security-token"] == KEY.token
    signer = S3SigV4Auth(KEY, "s3", found[1])
    text = signer.string_to_sign(request, signer.canonical_request(request))
    expected = given.rpartition("=")[0] + "=" + signer.signature(text, request)
    return environ["HTTP_AUTHORIZATION"] if expected == given else expected


@dataclass
class Done:
    """How a job ended."""

    status: int
    out: bytes
    err: str

    @property
    def words(self) -> list[str]:
        """What a job printed with a NUL behind each."""
        return self.out.decode().split("\0")[:-1]


def finished(process: subprocess.Popen[bytes]) -> Done:
    """How the process ends; nothing is left of it."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
        return Done(process.returncode, out, err.decode())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@dataclass
class Container:
    """An image with one shell and one way to fetch, and the environment that AWS Batch gives the job."""

    shell: Sequence[str]
    way: str | None
    place: Path
    store: Store
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path, self.work, tmp = (self.place / name for name in ("bin", "work", "tmp"))
        for folder in (self.path, self.work, tmp):
            folder.mkdir()
        for tool in TOOLS:
            found = shutil.which("busybox" if self.shell[0] == "busybox" else tool)
            assert found
            (self.path / tool).symlink_to(found)
        if self.way:
            (self.path / self.way).symlink_to(WAYS[self.way] or "nowhere")
        self.env = {
            "PATH": str(self.path),
            "HOME": str(self.place),
            "TMPDIR": str(tmp),
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.store.home,
            "AWS_ACCESS_KEY_ID": KEY.access_key,
            "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
            "AWS_SESSION_TOKEN": str(KEY.token),
            "AWS_EC2_METADATA_DISABLED": "true",
            "PEGASUS_AWS_BATCH_TOKEN": TOKEN,
        }

    def program(self, name: str, text: str) -> None:
        """Put a program of its own in the place of a tool."""
        (self.path / name).unlink(missing_ok=True)
        (self.path / name).write_text(text)
        (self.path / name).chmod(0o755)

    def children(self, *records: bytes, key: str = "the/manifest") -> Container:
        """From now on, jobs are children of an array job with these records."""
        size = max(map(len, records))
        content = launcher.manifest(records, size)
        own = {launcher.MANIFEST_VARIABLE: self.store.put(key, content), launcher.RECORD_VARIABLE: str(size)}
        self.env |= own | {"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": str(len(records))}
        return self

    def start(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        found = shutil.which(self.shell[0])
        assert found
        return subprocess.Popen(
            [found, *self.shell[1:], "-c", launcher.text(), "pegasus-aws-batch", *command],
            cwd=self.work, env={**self.env, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, *command: str, **env: str) -> Done:
        return finished(self.start(*command, **env))

    def left(self) -> list[str]:
        """What is in the directory for temporary files."""
        return os.listdir(self.env["TMPDIR"])


def image(shell: Sequence[str], way: str | None, place: Path, store: Store) -> Container:
    for program, found in {shell[0]: shutil.which(shell[0]), **({way: WAYS[way]} if way else {})}.items():
        if not found:
            pytest.skip(f"{program} is not installed")
    return Container(shell, way, place, store)


def peak_of(out: bytes) -> Peak | None:
    """The memory that the end mark of a log tells."""
    splitter = Splitter(io.BytesIO(), io.BytesIO(), token=TOKEN)
    for line in out.decode().splitlines():
        splitter.write(line)
    assert splitter.ended
    return splitter.peak


def split(out: bytes, token: str = TOKEN) -> tuple[str, str, bool]:
    """A log as the tool divides it; whether it is known to be whole."""
    parts = io.BytesIO(), io.BytesIO()
    splitter = Splitter(*parts, token=token)
    for line in out.decode().removesuffix("\n").split("\n"):
        splitter.write(line)
    splitter.flush()
    return parts[0].getvalue().decode(), parts[1].getvalue().decode(), splitter.ended
