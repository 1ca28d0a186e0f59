"""Requests to AWS with little CPU: signed and sent by botocore's own parts, without the machinery around them.

A call of a botocore client costs Python 4 to 6 ms of CPU, which is what bounds thousands of jobs or small files. Here
only the signature, the connection pool and the errors are botocore's, for about a quarter of that.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # s
_CODE, _MESSAGE = re.compile(r"<Code>(.*?)</Code>"), re.compile(r"<Message>(.*?)</Message>")
_NULL = re.compile(rb":\s*null")


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
        """The answer of AWS as decoded JSON; times are numbers. Raises ClientError or a HTTPClientError."""
        request: Any = AWSRequest(
            method="POST",
            url=self.url + self._model.operation_model(operation).http["requestUri"],
            headers={"User-Agent": self._agent, **self._headers(operation)},
            data=json.dumps(params, separators=(",", ":")).encode(),
        )
        SigV4Auth(self._credentials.get_frozen_credentials(), self._model.signing_name, self._region).add_auth(request)
        answer: Any = self._session.send(request.prepare())
        content = _content(answer.content)
        if answer.status_code >= 300:
            raise _json_error(operation, answer, content)
        return content

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

    def put(self, key: str, content: bytes) -> None:
        """Put one object, with a checksum that S3 checks and keeps. Raises ClientError or a HTTPClientError."""
        crc = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
        request: Any = AWSRequest(
            method="PUT",
            url=self.url + quote(key, safe="/~"),
            headers={"x-amz-checksum-crc32": crc, "x-amz-sdk-checksum-algorithm": "CRC32"},
            data=content,
        )
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        answer: Any = self._session.send(request.prepare())
        if answer.status_code != 200:
            raise _xml_error(answer.status_code, answer.content.decode(errors="replace"))


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


def _content(body: bytes) -> dict[str, Any]:
    """An answer in JSON, without members that are null. Empty if it is no JSON object."""
    try:
        content = json.loads(body or b"{}")
    except ValueError:  # of a proxy, for example
        return {}
    content = _without_nulls(content) if _NULL.search(body) else content
    return content if isinstance(content, dict) else {}


def _without_nulls(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nulls(value) for key, value in content.items() if value is not None}
    return [_without_nulls(one) for one in content] if isinstance(content, list) else content


def _json_error(operation: str, answer: Any, content: Mapping[str, Any]) -> ClientError:
    code = answer.headers.get("x-amzn-errortype") or content.get("__type") or content.get("code") or ""
    message = content.get("message") or content.get("Message") or ""
    return _error(operation, answer.status_code, str(code).partition(":")[0].rpartition("#")[2], str(message))


def _xml_error(status: int, body: str) -> ClientError:
    code, message = _CODE.search(body), _MESSAGE.search(body)
    return _error("PutObject", status, code[1] if code else "", message[1] if message else body[:200])


def _error(operation: str, status: int, code: str, message: str) -> ClientError:
    details = {"Code": code or str(status), "Message": message}
    answer: Any = {"Error": details, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)
