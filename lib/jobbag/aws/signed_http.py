"""Requests to AWS with little CPU: signed and sent by a client's own parts, without all that it does for each call.

A call of a botocore client costs Python several times the CPU that its signature and its bytes take, which is what
bounds thousands of jobs or small files. Here the client builds the request of an API once. Each call is that request,
with another body: it has the address, the headers, the signature, the proxy and the certificates that the client's
own call would have, whatever is configured.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from contextvars import ContextVar
from http.client import HTTPException
from io import BytesIO
from types import MappingProxyType
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpchecksum import apply_request_checksum
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as Urllib3Timeout

from jobbag.aws.answers import checked
from jobbag.aws.bodies import MEANT, decoded, named, service_of
from jobbag.aws.faults import NoAnswer
from jobbag.http.exchange import SENT_AT_ONCE, Answer, Sent, exchange, open_connection
from jobbag.http.signing import Signer

PATIENCE, SLOWEST = 20.0, 500.0  # s and bytes/s: how long the rest of an answer may take
READ_SIZE = 256 * 1024  # bytes
LARGEST = 32 * 1024 * 1024  # bytes of an answer; a page of a log has 1 MB

Read = Callable[[int, Mapping[str, str], Iterator[bytes]], bytes]  # of HTTP status, headers and pieces of the body

_building: ContextVar[bool] = ContextVar("_building", default=False)


class _Built(Exception):
    """The way of a request out of the client that has built it."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__()
        self.request = request


def hand_over(params: dict[str, Any], **_: Any) -> None:
    """A hook of botocore, the last one before a request is sent: here those go another way that are built for it."""
    if _building.get():
        raise _Built(params)


class Api:
    """One API of a client, on which `hand_over` hooks. Safe to share between threads."""

    def __init__(self, client: Any, credentials: Any, operation: str, params: Mapping[str, Any]) -> None:
        """`params`: with which the client is to build the request."""
        self._credentials = credentials
        self._signer: Signer | None = None
        self._is_strange = False  # signed in a way that no Signer knows
        self._pool: Any = None  # of the connections, if they are direct
        self.model = client.meta.service_model.operation_model(operation)
        self._events = client.meta.events
        self._before_send = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}"
        self._endpoint = client._endpoint  # which no client tells in public
        token = _building.set(True)
        try:
            getattr(client, xform_name(operation))(**params)
        except _Built as built:
            self.request = {**built.request, "headers": dict(built.request["headers"])}
        finally:
            _building.reset(token)

    def send(
        self,
        content: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        read: Read | None = None,
        sent: Sent = lambda _: None,
        **places: str,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """The HTTP status, headers and body of the answer. `headers`: those that have other values than in the request
        that was built. `read` gets the pieces of the body, and gives what stands for it, else they are joined. `sent`
        hears how much of the request is gone. `places`: where the request goes, in botocore's words.

        Raises a HTTPClientError or NoAnswer, and what `read` raises.
        """
        built = self._built(content, headers, places)
        self._learn()
        read = read or (lambda _, __, pieces: self.joined(pieces))
        return self._send_again(built, read, sent) or self._send_first(built, read)

    def _built(self, content: bytes, headers: Mapping[str, str], places: Mapping[str, str]) -> dict[str, Any]:
        own = {"headers": {**self.request["headers"], **headers}, "context": dict(self.request["context"])}
        built = {**self.request, **own, **places, "body": content}
        apply_request_checksum(built)
        return built

    def _learn(self) -> None:
        """Take over from botocore how it signs a request, and its connections."""
        if self._is_strange or (self._signer is not None and self._signer.is_current):
            return
        request = self._endpoint.create_request(self._built(b"", {}, {}), self.model)
        self._events.emit(self._before_send, request=request)
        try:
            self._signer = Signer(request, self._credentials)
        except ValueError:
            self._is_strange = True
            return
        session = self._endpoint.http_session
        if not session._proxy_config.proxy_url_for(request.url):
            self._pool = session._manager.connection_from_url(request.url)

    def joined(self, pieces: Iterator[bytes]) -> bytes:
        """The body of an answer, no larger than any of AWS's. Raises NoAnswer."""
        return b"".join(self.collected(pieces))

    def collected(self, pieces: Iterator[bytes]) -> list[bytes]:
        """The same in pieces."""
        parts, size = [], 0
        for piece in pieces:
            parts.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise NoAnswer(service=service_of(self.model), what=f"more than {LARGEST} bytes")
        return parts

    def _send_first(self, built: dict[str, Any], read: Read) -> tuple[int, Mapping[str, str], bytes]:
        """Let botocore send a request: the first one, and each for which there is no connection."""
        if isinstance(built["body"], bytes) and len(built["body"]) > SENT_AT_ONCE:
            built["body"] = BytesIO(built["body"])  # so that the timeout holds for each block, not for the whole
        request = self._endpoint.create_request(built, self.model)
        request.stream_output = True  # so that the body is left to us
        self._events.emit(self._before_send, request=request)
        answer = self._endpoint.http_session.send(request)
        try:
            body = read(answer.status_code, answer.headers, _pieces(answer.raw, service_of(self.model), request.url))
        except BaseException:
            answer.raw.close()
            raise
        finally:
            answer.raw.release_conn()
        return answer.status_code, answer.headers, body

    def _send_again(
        self, built: Mapping[str, Any], read: Read, sent: Sent
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        """Send a request like one that botocore has sent; None if that cannot be."""
        if self._pool is None or self._signer is None:
            return None
        with open_connection(self._pool) as connection:
            if connection is None:
                return None
            body, url = built["body"], built["url"]
            changed = {name.lower(): str(value) for name, value in built["headers"].items()}
            head = self._signer.head(url, body if isinstance(body, bytes) else b"", changed)
            try:
                answer = exchange(connection, head, _in_chunks(body), sent)
            except (HTTPException, OSError) as error:
                raise _lost(url, error) from None
            with closing(answer):
                content = read(answer.status, answer.fields, _pieces(answer, service_of(self.model), url))
            if answer.will_close:
                connection.close()
            return answer.status, answer.fields, content


class JsonApi:
    """Calls the APIs of a service whose requests and answers are JSON, by a client that checks no parameters.

    Safe to share between threads.
    """

    def __init__(self, client: Any, credentials: Any) -> None:
        self._client = client
        self._credentials = credentials
        self._apis: dict[str, Api] = {}

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of AWS as decoded JSON; times are numbers.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        api = self._apis.get(operation) or self._apis.setdefault(
            operation, Api(self._client, self._credentials, operation, {})
        )
        status, headers, body = api.send(json.dumps(params, separators=(",", ":")).encode())
        if status >= 300:
            raise _json_error(api.model, status, headers, body)
        return checked(api.model, decoded(api.model, body))


def _in_chunks(body: Any) -> Iterable[bytes]:
    """The pieces of a body; of one with a trailer, which is botocore's, in chunks of HTTP."""
    if isinstance(body, bytes):
        yield body
        return
    for piece in body:
        yield from (b"%x\r\n" % len(piece), piece, b"\r\n")
    yield b"0\r\n\r\n"


def _pieces(source: Any, service: str, url: str) -> Iterator[bytes]:
    """The body of an answer, which comes with a certain speed at least.

    Read as it comes (`source` is of urllib3), not until there is enough, however slowly that comes.
    """
    began, size = time.monotonic(), 0
    while True:
        try:
            piece = source.read1(READ_SIZE)
        except (HTTPError, HTTPException, OSError) as error:
            raise _lost(url, error) from None
        if not piece:
            break
        size += len(piece)
        if time.monotonic() - began > PATIENCE + size / SLOWEST:
            raise NoAnswer(service=service, what=f"only {size} bytes came in {PATIENCE + size / SLOWEST:.0f} s")
        yield piece
    if source.length if isinstance(source, Answer) else source.length_remaining:
        raise NoAnswer(service=service, what=f"it broke off after {size} bytes")


def _lost(url: str, error: Exception) -> HTTPClientError:
    """What an error means for which there is no answer, or not all of it."""
    kind = ReadTimeoutError if isinstance(error, (TimeoutError, Urllib3Timeout)) else ConnectionClosedError
    lost: HTTPClientError = kind(endpoint_url=url, error=error)
    return lost


def _json_error(model: Any, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    try:
        content: Mapping[str, Any] = decoded(model, body)
    except NoAnswer:
        content = {}
    code = headers.get("x-amzn-errortype") or content.get("__type") or content.get("code") or ""
    message = content.get("message") or content.get("Message") or ""
    if not code and not message and status < 500 and status not in MEANT:
        return NoAnswer(service=service_of(model), what=named(status, body))
    return error_of(model.name, status, str(code).partition(":")[0].rpartition("#")[2], str(message))


def error_of(operation: str, status: int, code: str, message: str) -> ClientError:
    details = {"Code": code or str(status), "Message": message}
    answer: Any = {"Error": details, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)
