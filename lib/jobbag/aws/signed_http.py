"""Requests to AWS with little CPU: signed and sent by botocore's own parts, without the machinery around them.

A call of a botocore client costs Python 4 to 6 ms of CPU, which is what bounds thousands of jobs or small files. Here
only the signature, the connection pool and the errors are botocore's, for about a quarter of that.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from jobbag.aws.answers import checked, decoded, service_of, shown
from jobbag.aws.faults import NoAnswer

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # s; the latter until the first byte, and between two
PATIENCE, SLOWEST = 20.0, 500.0  # s and bytes/s: how long the rest of an answer may take
S3 = "Amazon S3"  # in messages
READ_SIZE = 256 * 1024  # bytes
LARGEST = 32 * 1024 * 1024  # bytes of an answer; a page of a log has 1 MB
_CODE, _MESSAGE = re.compile(r"<Code>(.*?)</Code>"), re.compile(r"<Message>(.*?)</Message>")
_ALSO_OF_SERVERS = (404, 405, 429)  # HTTP status of errors that have no code, but that mean what they say


@dataclass(frozen=True)
class Signer:
    """How requests are signed and sent."""

    credentials: Any  # of botocore; they renew themselves where they can
    verify: bool | str  # whether, or with which CA bundle, certificates are verified
    connections: int  # kept open at most


class JsonApi:
    """Calls the APIs of a service whose requests and answers are JSON, at the endpoint of a boto3 client.

    Safe to share between threads.
    """

    def __init__(self, client: Any, signer: Signer) -> None:
        self.url: str = client.meta.endpoint_url.rstrip("/")
        self._session = _session(client, self.url, signer)
        self._credentials = signer.credentials
        self._model = client.meta.service_model
        self._region: str = client.meta.region_name
        self._agent: str = client.meta.config.user_agent

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of AWS as decoded JSON; times are numbers.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        model = self._model.operation_model(operation)
        request: Any = AWSRequest(
            method="POST",
            url=self.url + model.http["requestUri"],
            headers={"User-Agent": self._agent, **self._headers(operation)},
            data=json.dumps(params, separators=(",", ":")).encode(),
        )
        SigV4Auth(self._credentials.get_frozen_credentials(), self._model.signing_name, self._region).add_auth(request)
        status, headers, body = _send(self._session, request, service_of(model))
        if status >= 300:
            raise _json_error(model, status, headers, body)
        return checked(model, decoded(model, body))

    def _headers(self, operation: str) -> dict[str, str]:
        metadata = self._model.metadata
        if metadata["protocol"] == "rest-json":
            return {"Content-Type": "application/json"}
        return {
            "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}",
            "X-Amz-Target": f"{metadata['targetPrefix']}.{operation}",
        }


class PutObject:
    """Puts small objects into one bucket, with the endpoint and addressing of a boto3 client.

    Safe to share between threads.
    """

    def __init__(self, client: Any, signer: Signer, bucket: str) -> None:
        # The rules of endpoints and addressing are the client's: a URL that it signs has the address of the bucket.
        signed = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
        self.url: str = signed.partition("?")[0].removesuffix("k")
        self._credentials = signer.credentials
        self._region: str = client.meta.region_name
        self._session = _session(client, self.url, signer)

    def put(self, key: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Put one object, with these headers and a checksum that S3 checks and keeps.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        crc = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
        request: Any = AWSRequest(
            method="PUT",
            url=self.url + quote(key, safe="/~"),
            headers={"x-amz-checksum-crc32": crc, "x-amz-sdk-checksum-algorithm": "CRC32", **headers},
            data=content,
        )
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        status, told, body = _send(self._session, request, S3)
        if status != 200:
            raise _xml_error(status, body.decode(errors="replace"))
        if "etag" not in told:
            raise NoAnswer(service=S3, what=f"it names no ETag, but says {shown(body)}")


def _session(client: Any, url: str, signer: Signer) -> Any:
    """A pool of connections with the settings of a client."""
    config = client.meta.config
    make: Any = URLLib3Session
    return make(
        proxies=get_environ_proxies(url) if config.proxies is None else config.proxies,
        proxies_config=config.proxies_config,
        client_cert=config.client_cert,
        timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        max_pool_connections=signer.connections,
        verify=signer.verify,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )


def _send(session: Any, request: Any, service: str) -> tuple[int, Mapping[str, str], bytes]:
    """The HTTP status, headers and body of the answer. Raises a HTTPClientError or NoAnswer."""
    request.stream_output = True  # so that the body is left to us
    answer = session.send(request.prepare())
    try:
        body = _body(answer.raw._fp, service)
    except (OSError, HTTPException) as error:
        answer.raw.close()
        raise HTTPClientError(error=error) from None
    except NoAnswer:
        answer.raw.close()
        raise
    finally:
        answer.raw.release_conn()
    return answer.status_code, answer.headers, body


def _body(source: Any, service: str) -> bytes:
    """The body of an answer, which comes with a certain speed at least, and is no larger than any of AWS's.

    Read as it comes (`source` is of http.client): urllib3 waits until there is enough, however slowly that comes.
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
    if source.length:
        raise NoAnswer(service=service, what=f"it broke off after {size} bytes")
    source.close()
    return b"".join(parts)


def _json_error(model: Any, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    try:
        content: Mapping[str, Any] = decoded(model, body)
    except NoAnswer:
        content = {}
    code = headers.get("x-amzn-errortype") or content.get("__type") or content.get("code") or ""
    message = content.get("message") or content.get("Message") or ""
    if not code and not message and status < 500 and status not in _ALSO_OF_SERVERS:
        return NoAnswer(service=service_of(model), what=f"HTTP status {status}, with {shown(body)}")
    return _error(model.name, status, str(code).partition(":")[0].rpartition("#")[2], str(message))


def _xml_error(status: int, body: str) -> ClientError:
    code, message = _CODE.search(body), _MESSAGE.search(body)
    return _error("PutObject", status, code[1] if code else "", message[1] if message else body[:200])


def _error(operation: str, status: int, code: str, message: str) -> ClientError:
    details = {"Code": code or str(status), "Message": message}
    answer: Any = {"Error": details, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)
