"""Further requests of an API whose first one botocore has made: with another path and body, signed as it signs.

Most of what a request costs botocore is the same for all requests of an API: its headers, and the key for the
signature. Where a signature made here would not be the one that botocore gave to the first request, as with
Signature Version 4A or S3 Express, there is no Signer, and each request is botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>.+)/\d{8}/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request, "
    r"SignedHeaders=(?P<names>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_AUTH, _DATE, _CONTENT, _LENGTH = "authorization", "x-amz-date", "x-amz-content-sha256", "content-length"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Signer:
    """Signs requests of one API with Signature Version 4 (AWS Identity and Access Management User Guide)."""

    def __init__(self, first: Any, credentials: Any) -> None:
        """`first`: a request that botocore has prepared. Raises ValueError where it does more than is known here."""
        self._shown = {name.lower(): name for name in first.headers}  # as botocore spells them
        self._values = {name.lower(): _text(value) for name, value in first.headers.items()}
        found = _AUTHORIZATION.fullmatch(self._values.pop(_AUTH, ""))
        if found is None or _DATE not in self._values:
            raise ValueError("signed in another way")
        address = urlsplit(first.url)
        self._credentials, self._frozen = credentials, credentials.get_frozen_credentials()
        self._method = first.method.upper()
        self._region, self._service = found["region"], found["service"]
        self._signed = found["names"]
        port = "" if address.port in (None, _DEFAULT_PORTS.get(address.scheme)) else f":{address.port}"
        self._values["host"] = f"{address.hostname}{port}"
        self._signs_content = (
            _CONTENT not in self._values or len(self._values[_CONTENT]) == 2 * hashlib.sha256().digest_size
        )
        self._derived = "", hmac.new(b"", digestmod="sha256")  # with the key of a day, and that day (YYYYMMDD)
        if found["id"] != self._frozen.access_key:
            raise ValueError("signed with other credentials")
        stamp, digest = self._values[_DATE], self._digest(first.body or b"")
        if self._signature(address.path or "/", address.query, stamp, digest, self._values) != found["signature"]:
            raise ValueError("signed in another way")

    @property
    def is_current(self) -> bool:
        """Whether the credentials are still those of the first request."""
        return bool(self._credentials.get_frozen_credentials() == self._frozen)

    def head(self, url: str, body: bytes, changed: Mapping[str, str], now: float | None = None) -> bytes:
        """The head of a request, to be sent before its body.

        `url`: encoded as botocore encodes it. `body`: empty where its length and its digest are told in another way.
        `changed`: headers of the first request that have other values now, by their names in lower case. `now`: seconds
        since the epoch, else those of the clock.
        """
        path, _, query = f"/{url.partition('://')[2].partition('/')[2]}".partition("?")
        stamp, digest = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)), self._digest(body)
        values = {**self._values, **changed, _DATE: stamp}
        values.pop("expect", None)  # the body is sent at once
        if _CONTENT in values and self._signs_content:
            values[_CONTENT] = digest
        if _LENGTH in values:
            values[_LENGTH] = str(len(body))
        signature = self._signature(path, query, stamp, digest, values)
        target = f"{path}?{query}" if query else path
        lines = [f"{self._method} {target} HTTP/1.1", "Accept-Encoding: identity"]
        lines += [f"{self._shown.get(name, 'Host')}: {value}" for name, value in values.items()]
        who = f"{self._frozen.access_key}/{self._scope(stamp)}"
        lines.append(
            f"Authorization: AWS4-HMAC-SHA256 Credential={who}, SignedHeaders={self._signed}, Signature={signature}"
        )
        return "\r\n".join([*lines, "", ""]).encode()

    def _digest(self, body: bytes) -> str:
        return hashlib.sha256(body).hexdigest() if self._signs_content else self._values[_CONTENT]

    def _signature(self, path: str, query: str, stamp: str, digest: str, values: Mapping[str, str]) -> str:
        headers = [f"{name}:{' '.join(values.get(name, '').split())}" for name in self._signed.split(";")]
        query = "&".join(sorted(query.split("&")))
        request = "\n".join([self._method, path, query, *headers, "", self._signed, digest])
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{self._scope(stamp)}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = self._keyed(stamp[:8]).copy()  # which lets no other thread in, as hmac.digest would
        signature.update(text.encode())
        return signature.hexdigest()

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"

    def _keyed(self, day: str) -> hmac.HMAC:
        """An empty digest with the key for the requests of one day, which threads may make at the same time."""
        known, keyed = self._derived
        if known != day:
            key = f"AWS4{self._frozen.secret_key}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            keyed = hmac.new(key, digestmod="sha256")
            self._derived = day, keyed
        return keyed


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
