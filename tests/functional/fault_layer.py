"""A layer of WSGI before the embedded AWS that makes it as unkind as the real one."""

from __future__ import annotations

import io
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")


@dataclass(frozen=True)
class Request:
    """A request of an API: its operation by AWS's name, its service, and its body where that is JSON."""

    service: str
    operation: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a service answers."""

    status: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @classmethod
    def of(cls, content: object) -> Answer:
        """A good answer of Batch or CloudWatch Logs."""
        return cls("200 OK", [("Content-Type", "application/json")], json.dumps(content).encode())

    @classmethod
    def of_xml(cls, text: str, status: str = "200 OK") -> Answer:
        """An answer of S3, IAM or STS."""
        return cls(status, [("Content-Type", "application/xml")], text.encode())

    @property
    def content(self) -> Any:
        return json.loads(self.body)


Forward = Callable[[], Answer]
Act = Callable[[Request, Forward], Answer]


def error(service: str, status: int, code: str, message: str) -> Answer:
    """An error in the form of the service."""
    if service == "s3":
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return Answer.of_xml(text, f"{status} Error")
    if service in ("iam", "sts"):
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return Answer.of_xml(text, f"{status} Error")
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
    return Answer(f"{status} Error", headers, json.dumps({"__type": code, "message": message}).encode())


class Faults:
    """Rules, each for an operation and a number of its requests; the first that fits is used. Counts all requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._rules: list[tuple[str, Act, list[None]]] = []
        self._lock = threading.Lock()

    # -- rules

    def on(self, operation: str, act: Act, times: int = 1_000_000) -> None:
        """Let `act` answer the next `times` requests."""
        self._rules.append((operation, act, [None] * min(times, 10_000)))

    def fail(self, operation: str, status: int, code: str, message: str = "no", times: int = 1_000_000) -> None:
        """Answer with an error, and do nothing."""
        self.on(operation, lambda request, _: error(request.service, status, code, message), times)

    def throttle(self, operation: str, times: int) -> None:
        """Answer that there are too many requests."""
        self.fail(operation, 429, "TooManyRequestsException", "Too Many Requests", times)

    def reset(self, operation: str, times: int) -> None:
        """Drop the connection before anything is done."""

        def act(request: Request, forward: Forward) -> Answer:
            del request, forward
            raise ConnectionResetError

        self.on(operation, act, times)

    def lose_answer(self, operation: str, times: int) -> None:
        """Drop the connection after all is done."""

        def act(_: Request, forward: Forward) -> Answer:
            forward()
            raise ConnectionResetError

        self.on(operation, act, times)

    def edit(self, operation: str, change: Callable[[Any], object], times: int = 1_000_000) -> None:
        """Change the true answer's content in place."""

        def act(_: Request, forward: Forward) -> Answer:
            answer = forward()
            content = answer.content
            change(content)
            return Answer.of(content)

        self.on(operation, act, times)

    def forget(self) -> None:
        """Drop all rules."""
        self._rules.clear()

    # -- what happened

    def count(self, operation: str) -> int:
        """How many requests there were."""
        return Counter(request.operation for request in self.requests)[operation]

    def operations(self, service: str) -> list[str]:
        """The operations of a service, in the order of their requests."""
        return [request.operation for request in self.requests if request.service == service]

    # -- the layer

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """The application with the layer before it."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = _request(environ)
            with self._lock:
                self.requests.append(request)
                fitting = (rule for rule in self._rules if rule[0] == request.operation and rule[2])
                rule = next(fitting, None)
                if rule:
                    rule[2].pop()
            if rule is None:
                return application(environ, start_response)
            found = rule[1](request, lambda: _collected(application, environ))
            start_response(found.status, found.headers)
            return [found.body]

        return answer


def dated(application: WSGIApplication) -> WSGIApplication:
    """moto's S3 with the true times of unfinished uploads: moto says that all were begun in 2010."""
    begun: dict[bytes, str] = {}

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        operation = _request(environ).operation
        if operation not in ("CreateMultipartUpload", "ListMultipartUploads"):
            return application(environ, start_response)
        found = _collected(application, environ)
        if operation == "CreateMultipartUpload":
            for upload in _UPLOAD.findall(found.body):
                begun[upload] = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            body = found.body
        else:
            body = _LISTED.sub(lambda listed: listed[1] + listed[3] + begun[listed[2]].encode() + b"<", found.body)
        start_response(found.status, found.headers)
        return [body]

    return answer


_UPLOAD = re.compile(rb"<UploadId>(.*?)</UploadId>")
_LISTED = re.compile(rb"(<UploadId>(.*?)</UploadId>)(.*?<Initiated>).*?<", re.DOTALL)


def _collected(application: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda _: None

    body = b"".join(application(environ, start_response))
    status, headers = started[-1]
    return Answer(status, [(name, value) for name, value in headers if name.lower() != "content-length"], body)


def _request(environ: WSGIEnvironment) -> Request:
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    service = found[1] if found else ""
    if service == "s3":
        return Request(service, _s3_operation(environ), {})
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    if service == "batch":
        path = environ["PATH_INFO"].removeprefix("/v1/")
        return Request(service, _BATCH.get(path, path), json.loads(body or b"{}"))
    if service == "logs":
        return Request(service, environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2], json.loads(body))
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return Request(service, form.get("Action", ""), form)


_BATCH = {
    operation.lower(): operation
    for operation in (
        "SubmitJob", "DescribeJobs", "ListJobs", "TerminateJob", "RegisterJobDefinition", "DescribeJobDefinitions",
        "DeregisterJobDefinition", "CreateComputeEnvironment", "DescribeComputeEnvironments",
        "UpdateComputeEnvironment", "DeleteComputeEnvironment", "CreateJobQueue", "DescribeJobQueues",
        "UpdateJobQueue", "DeleteJobQueue", "GetJobQueueSnapshot",
    )
}  # fmt: skip


def _s3_operation(environ: WSGIEnvironment) -> str:
    method, query = str(environ["REQUEST_METHOD"]), environ["QUERY_STRING"]
    _, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    if key:
        if "partNumber" in query:
            return "UploadPart"
        if "uploads" in query or "uploadId" in query:
            return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
        return f"{method.title()}Object"
    for word, operation in (
        ("publicAccessBlock", "PutPublicAccessBlock"),
        ("list-type=2", "ListObjectsV2"),
        ("uploads", "ListMultipartUploads"),
        ("versions", "ListObjectVersions"),
        ("delete", "DeleteObjects"),
    ):
        if word in query:
            return operation
    return "CreateBucket" if method == "PUT" else f"{method.title()}Bucket"
