"""Objects of S3, got and put with little CPU."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from botocore.utils import percent_encode

from jobbag.aws.bodies import MEANT, is_foreign, is_of_others, named, service_of, shown
from jobbag.aws.faults import NoAnswer
from jobbag.aws.signed_http import Api, error_of
from jobbag.http.exchange import Sent

PARTIAL = 206  # HTTP status of an answer with the bytes that were asked for
_CODE, _MESSAGE = (re.compile(rf"<{name}>(.*?)</{name}>", re.DOTALL) for name in ("Code", "Message"))
_KEY, _UPLOAD, _NUMBER = "k", "u", 1  # of the object, and of the part of it, in the requests that are built

Write = Callable[[bytes], None]


class _ObjectApi(Api):
    """An API of S3 that concerns one object of a bucket. Safe to share between threads."""

    def ask(
        self,
        key: str,
        content: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
        query: str = "",
        **more: Any,
    ) -> tuple[Mapping[str, str], bytes]:
        """The headers and the body of the answer. `headers`: those that have other values than in the request that was
        built. `query`: of the URL. `more`: as of Api.send. Raises ClientError, a HTTPClientError or NoAnswer."""
        path = quote(key, safe="/~")
        places = {
            name: self.request[name].partition("?")[0].removesuffix(_KEY) + path
            for name in ("url", "auth_path")
            if name in self.request
        }
        places["url"] += query
        status, headers, body = self.send(content, headers, **more, **places)
        if status >= 300:
            raise _error(self.model, status, headers, body)
        return headers, body

    def no_etag(self, body: bytes) -> NoAnswer:
        """The error for an answer of somebody else: S3 names an ETag."""
        return NoAnswer(service=service_of(self.model), what=f"it names no ETag, but says {shown(body)}")


class GetObject:
    """Gets objects of one bucket. Safe to share between threads."""

    def __init__(self, client: Any, credentials: Any, bucket: str) -> None:
        params = {"Bucket": bucket, "Key": _KEY, "ChecksumMode": "ENABLED"}
        self._whole = _ObjectApi(client, credentials, "GetObject", params)
        self._part = _ObjectApi(client, credentials, "GetObject", {**params, "Range": "bytes=0-0", "IfMatch": "x"})

    def get(self, key: str) -> tuple[Mapping[str, str], list[bytes]]:
        """The headers of a small object, with its checksum if S3 has one, and its content in pieces.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        content: list[bytes] = []

        def read(status: int, headers: Mapping[str, str], pieces: Iterator[bytes]) -> bytes:
            if status >= 300 or "etag" not in headers:
                return self._whole.joined(pieces)
            content.extend(self._whole.collected(pieces))
            return b""

        headers, body = self._whole.ask(key, b"", read=read)
        if "etag" not in headers:
            raise self._whole.no_etag(body)
        return headers, content

    def get_part(self, key: str, etag: str, part: range, write: Write) -> None:
        """Let `write` have these bytes of an object with this ETag, piece by piece.

        A server that knows no ranges gives the whole object where it is asked for its beginning. Raises the same; of an
        object that was replaced, PreconditionFailed; and what `write` raises.
        """
        name = self._part.model.name
        first_to_last = f"{part.start}-{part.stop - 1}"

        def read(status: int, headers: Mapping[str, str], pieces: Iterator[bytes]) -> bytes:
            if status >= 300 or "etag" not in headers:
                return self._part.joined(pieces)
            if headers["etag"] != etag:  # as of a server that does not heed If-Match
                raise error_of(name, 412, "PreconditionFailed", "it was replaced while it came")
            shown = headers.get("content-range", "")
            is_part = shown.startswith(f"bytes {first_to_last}/") if shown else status == PARTIAL or not part.start
            if not is_part:  # some servers give a part with status 200
                raise error_of(name, 416, "InvalidRange", f"bytes {first_to_last} were asked for, and others came")
            for piece in pieces:
                write(piece)
            return b""

        conditions = {"Range": f"bytes={first_to_last}", "If-Match": etag}
        headers, body = self._part.ask(key, b"", conditions, read=read)
        if "etag" not in headers:
            raise self._part.no_etag(body)


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
            raise self._api.no_etag(body)


class PutPart:
    """Puts parts of large objects into one bucket. Safe to share between threads."""

    def __init__(self, client: Any, credentials: Any, bucket: str) -> None:
        params = {"Bucket": bucket, "Key": _KEY, "UploadId": _UPLOAD, "PartNumber": _NUMBER, "Body": b""}
        self._api = _ObjectApi(client, credentials, "UploadPart", params)

    def put(self, key: str, upload_id: str, number: int, content: bytes, sent: Sent) -> dict[str, str]:
        """Put one part, with a checksum that S3 checks, unless that is switched off; gives what CompleteMultipartUpload
        wants of it but for its number. `sent` hears of each block that is gone.

        Raises ClientError, a HTTPClientError or NoAnswer.
        """
        query = f"?uploadId={percent_encode(upload_id)}&partNumber={number}"
        headers, body = self._api.ask(key, content, query=query, sent=sent)
        if "etag" not in headers or is_foreign(body):
            raise self._api.no_etag(body)
        shown = {"ETag": "etag", "ChecksumCRC32": "x-amz-checksum-crc32"}
        return {name: headers[header] for name, header in shown.items() if header in headers}


def with_checksums(params: Mapping[str, Any], context: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
    """A hook of botocore: who begins an upload in parts says which checksum they will have, as they have one."""
    if context["client_config"].request_checksum_calculation == "when_supported":
        return {"ChecksumAlgorithm": "CRC32", **params}
    return params


def _error(model: Any, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    if is_of_others(status, headers, body) and status not in MEANT:
        return NoAnswer(service=service_of(model), what=named(status, body))
    text = body.decode(errors="replace")
    code, message = _CODE.search(text), _MESSAGE.search(text)
    return error_of(model.name, status, code[1] if code else "", unescape(message[1]) if message else "")
