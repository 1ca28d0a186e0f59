"""PutObject with little CPU: signed and sent by botocore's own parts, without the machinery around them.

A call of a botocore client costs Python 4 to 6 ms of CPU, which is what bounds thousands of small files. Here
only the signature, the connection pool and the errors are botocore's, for about a quarter of that.
"""

from __future__ import annotations

import base64
import re
import socket
import zlib
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # s
_CODE, _MESSAGE = re.compile(r"<Code>(.*?)</Code>"), re.compile(r"<Message>(.*?)</Message>")


class PutObject:
    """Puts small objects into one bucket, with the endpoint, addressing and credentials of a client of boto3.

    Safe to share between threads.
    """

    def __init__(self, client: Any, credentials: Any, verify: bool | str, bucket: str, connections: int) -> None:
        """`verify`: whether, or with which CA bundle, certificates are verified."""
        # The client knows all about endpoints and addressing; what it would sign tells where the bucket is.
        signed = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
        self._bucket_url: str = signed.partition("?")[0].removesuffix("k")
        self._signs_content = urlsplit(self._bucket_url).scheme == "http"  # TLS protects it otherwise
        self._credentials = credentials
        self._region: str = client.meta.region_name
        proxies = client.meta.config.proxies
        make: Any = URLLib3Session
        self._session = make(
            proxies=get_environ_proxies(self._bucket_url) if proxies is None else proxies,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            max_pool_connections=connections,
            verify=verify,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def put(self, key: str, content: bytes) -> None:
        """Put one object, with a checksum that S3 checks and keeps. Raises ClientError or a HTTPClientError."""
        crc = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
        request: Any = AWSRequest(
            method="PUT",
            url=self._bucket_url + quote(key, safe="/~"),
            headers={"x-amz-checksum-crc32": crc, "x-amz-sdk-checksum-algorithm": "CRC32"},
            data=content,
        )
        request.context["payload_signing_enabled"] = self._signs_content
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        answer: Any = self._session.send(request.prepare())
        if answer.status_code != 200:
            raise _error(answer.status_code, answer.content.decode(errors="replace"))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _error(status: int, body: str) -> ClientError:
    code, message = _CODE.search(body), _MESSAGE.search(body)
    details = {"Code": code[1] if code else str(status), "Message": message[1] if message else body[:200]}
    answer: Any = {"Error": details, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutObject")
