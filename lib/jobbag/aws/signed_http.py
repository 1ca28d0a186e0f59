"""Requests to AWS with little CPU: signed and sent by a client's own parts, without all that it does for each call.

A call of a botocore client costs Python several times the CPU that its signature and its bytes take, which is what
bounds thousands of jobs or small files. Here the client builds the request of an API once. Each call is that request,
with another body: it has the address, the headers, the signature, the proxy and the certificates that the client's
own call would have, whatever is configured.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from contextvars import ContextVar
from html import unescape
from http.client import HTTPException
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpchecksum import apply_request_checksum
from urllib3.exceptions import HTTPError

from jobbag.aws.answers import checked
from jobbag.aws.bodies import MEANT, decoded, is_foreign, is_of_others, named, service_of, shown
from jobbag.aws.exchange import Answer, exchange, open_connection
from jobbag.aws.faults import NoAnswer
from jobbag.aws.signing import Signer

PATIENCE, SLOWEST = 20.0, 500.0  # s and bytes/s: how long the rest of an answer may take
READ_SIZE = 256 * 1024  # bytes
LARGEST = 32 * 1024 * 1024  # bytes of an answer; a page of a log has 1 MB
_CODE, _MESSAGE = (re.compile(rf"<{name}>(.*?)</{name}>", re.DOTALL) for name in ("Code", "Message"))
_KEY = "k"  # of the object in the request that is built

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


class _Api:
    """One API of a client, on which `hand_over` hooks. Safe to share between threads."""

    def __init__(self, client: Any, credentials: Any, operation: str, params: Mapping[str, Any]) -> None:
        """`params`: with which the client is to build the request."""
        self._credentials = credentials
        self._signer: Signer | None = None  # and the connections for it, once botocore has sent a request
        self._pool: Any = None
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
        self, content: bytes, headers: Mapping[str, str] = MappingProxyType({}), **places: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """The HTTP status, headers and body of the answer. `headers`: those that have other values than in the request
        that was built. `places`: where the request goes, in botocore's words.

        Raises a HTTPClientError or NoAnswer.
        """
        own = {"headers": {**self.request["headers"], **headers}, "context": dict(self.request["context"])}
        built = {**self.request, **own, **places, "body": content}
        apply_request_checksum(built)
        return self._send_again(built) or self._send_first(built)

    def _send_first(self, built: dict[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        """Let botocore send a request: the first one, and each for which there is no open connection."""
        request = self._endpoint.create_request(built, self.model)
        request.stream_output = True  # so that the body is left to us
        self._events.emit(self._before_send, request=request)
        answer = self._endpoint.http_session.send(request)
        try:
            body = _body(answer.raw, service_of(self.model))
        except (HTTPError, OSError) as error:
            answer.raw.close()
            raise HTTPClientError(error=error) from None
        except NoAnswer:
            answer.raw.close()
            raise
        finally:
            answer.raw.release_conn()
        self._learn(request)
        return answer.status_code, answer.headers, body

    def _learn(self, request: Any) -> None:
        """Take over from botocore what it has made of a request."""
        if self._signer is None or not self._signer.is_current:
            with suppress(ValueError):
                self._signer = Signer(request, self._credentials)
                session = self._endpoint.http_session
                if not session._proxy_config.proxy_url_for(request.url):
                    self._pool = session._manager.connection_from_url(request.url)

    def _send_again(self, built: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes] | None:
        """Send a request like one that botocore has sent; None if that cannot be."""
        if self._pool is None or self._signer is None or not self._signer.is_current:
            return None
        with open_connection(self._pool) as connection:
            if connection is None:
                return None
            body, changed = built["body"], {name.lower(): str(value) for name, value in built["headers"].items()}
            if not isinstance(body, bytes):
                content = body.read()
                body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
            head = self._signer.head(urlsplit(built["url"]).path, body, changed)
            try:
                with closing(exchange(connection, head, body)) as answer:
                    content = _body(answer, service_of(self.model))
            except TimeoutError as error:
                raise ReadTimeoutError(endpoint_url=built["url"], error=error) from None
            except (HTTPException, OSError) as error:
                raise ConnectionClosedError(endpoint_url=built["url"], error=error) from None
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
        self._apis: dict[str, _Api] = {}

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of AWS as decoded JSON; times are numbers.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        api = self._apis.get(operation) or self._apis.setdefault(
            operation, _Api(self._client, self._credentials, operation, {})
        )
        status, headers, body = api.send(json.dumps(params, separators=(",", ":")).encode())
        if status >= 300:
            raise _json_error(api.model, status, headers, body)
        return checked(api.model, decoded(api.model, body))


class _ObjectApi(_Api):
    """An API of S3 that concerns one object of a bucket. Safe to share between threads."""

    def ask(
        self, key: str, content: bytes, headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[Mapping[str, str], bytes]:
        """The headers and the body of the answer. `headers`: those that have other values than in the request that was
        built. Raises ClientError, a HTTPClientError or NoAnswer."""
        path = quote(key, safe="/~")
        places = {
            name: self.request[name].removesuffix(_KEY) + path for name in ("url", "auth_path") if name in self.request
        }
        status, headers, body = self.send(content, headers, **places)
        if status >= 300:
            raise _xml_error(self.model, status, headers, body)
        return headers, body


class GetObject:
    """Gets small objects of one bucket. Safe to share between threads."""

    def __init__(self, client: Any, credentials: Any, bucket: str) -> None:
        params = {"Bucket": bucket, "Key": _KEY, "ChecksumMode": "ENABLED"}
        self._whole = _ObjectApi(client, credentials, "GetObject", params)
        self._part = _ObjectApi(client, credentials, "GetObject", {**params, "Range": "bytes=0-0", "IfMatch": "x"})

    def get(self, key: str) -> tuple[Mapping[str, str], bytes]:
        """The headers of an object, with its checksum if S3 has one, and its content, of LARGEST bytes at most.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        return self._answer(self._whole, key, {})

    def get_part(self, key: str, etag: str, start: int, end: int) -> bytes:
        """The bytes of an object with this ETag from `start` up to `end`, LARGEST at most.

        Raises the same; of an object that was replaced, PreconditionFailed.
        """
        headers, body = self._answer(self._part, key, {"Range": f"bytes={start}-{end - 1}", "If-Match": etag})
        if headers["etag"] != etag:  # as of a server that does not heed If-Match
            raise _error(self._part.model.name, 412, "PreconditionFailed", "it was replaced while it came")
        return body

    def _answer(self, api: _ObjectApi, key: str, conditions: Mapping[str, str]) -> tuple[Mapping[str, str], bytes]:
        headers, body = api.ask(key, b"", conditions)
        if "etag" not in headers:
            raise NoAnswer(service=service_of(api.model), what=f"it names no ETag, but says {shown(body)}")
        return headers, body


class PutObject:
    """Puts small objects into one bucket. Safe to share between threads."""

    def __init__(self, client: Any, credentials: Any, bucket: str, params: Mapping[str, Any]) -> None:
        """`params`: those of the API that all its objects get, such as how they are to be encrypted."""
        self._api = _ObjectApi(client, credentials, "PutObject", {"Bucket": bucket, "Key": _KEY, "Body": b"", **params})

    def put(self, key: str, content: bytes) -> None:
        """Put one object, with a checksum that S3 checks and keeps, unless that is switched off.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        headers, body = self._api.ask(key, content)
        if "etag" not in headers or is_foreign(body):
            raise NoAnswer(service=service_of(self._api.model), what=f"it names no ETag, but says {shown(body)}")


def _body(source: Any, service: str) -> bytes:
    """The body of an answer, which comes with a certain speed at least, and is no larger than any of AWS's.

    Read as it comes (`source` is of urllib3), not until there is enough, however slowly that comes.
    """
    began = time.monotonic()
    parts, size = [], 0
    while part := source.read1(READ_SIZE):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise NoAnswer(service=service, what=f"more than {LARGEST} bytes")
        if time.monotonic() - began > PATIENCE + size / SLOWEST:
            raise NoAnswer(service=service, what=f"only {size} bytes came in {PATIENCE + size / SLOWEST:.0f} s")
    if source.length if isinstance(source, Answer) else source.length_remaining:
        raise NoAnswer(service=service, what=f"it broke off after {size} bytes")
    return b"".join(parts)


def _json_error(model: Any, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    try:
        content: Mapping[str, Any] = decoded(model, body)
    except NoAnswer:
        content = {}
    code = headers.get("x-amzn-errortype") or content.get("__type") or content.get("code") or ""
    message = content.get("message") or content.get("Message") or ""
    if not code and not message and status < 500 and status not in MEANT:
        return NoAnswer(service=service_of(model), what=named(status, body))
    return _error(model.name, status, str(code).partition(":")[0].rpartition("#")[2], str(message))


def _xml_error(model: Any, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    if is_of_others(status, headers, body) and status not in MEANT:
        return NoAnswer(service=service_of(model), what=named(status, body))
    text = body.decode(errors="replace")
    code, message = _CODE.search(text), _MESSAGE.search(text)
    return _error(model.name, status, code[1] if code else "", unescape(message[1]) if message else "")


def _error(operation: str, status: int, code: str, message: str) -> ClientError:
    details = {"Code": code or str(status), "Message": message}
    answer: Any = {"Error": details, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)
