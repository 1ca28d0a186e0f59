"""S3 as jobs reach it: a part of the program that the launcher starts in containers (launcher_program).

It needs Python 3.6, and nothing but its library. One try more or less, and the credentials, are as in launcher.sh.
"""

import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import contextmanager, suppress
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple, Union
from urllib.parse import quote, urlencode

PAUSES = (1, 2, 4, 8)  # s between tries
PATIENCE = 60  # s without a byte
FRESH = 60  # s for which the container's credentials are kept; AWS has new ones long before they expire
BLOCK = 1 << 20  # bytes
PASSING = ("ExpiredToken", "RequestTimeTooSkewed", "RequestTimeout")  # errors with 400 that another try may not have


class Failure(Exception):
    """What cannot be done, in one line. `status`: of the answer; 0: there was none."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status

    @property
    def is_final(self) -> bool:
        """Whether another try would end like this one."""
        return 400 <= self.status < 500


class LocalFailure(Failure):
    """A file that cannot be read or written, or a path that must not be."""

    is_final = True


@contextmanager
def local(path: str) -> Iterator[None]:
    """What goes wrong with a file is nothing to try again."""
    try:
        yield
    except OSError as error:
        raise LocalFailure(f"{path}: {error.strerror}") from None


class Content:
    """Some bytes of a file, to be sent. `digest`: their SHA-256."""

    def __init__(self, path: str, start: int = 0, size: Optional[int] = None) -> None:
        """`size`: None: all from `start` on."""
        self._path, self._start = path, start
        digest = hashlib.sha256()
        with local(path):
            self._file = open(path, "rb", 0)  # noqa: SIM115 `close` closes it
            self.size = os.fstat(self._file.fileno()).st_size - start if size is None else size
        self.rewind()
        for block in iter(self.read, b""):
            digest.update(block)
        self.digest = digest.digest()

    def rewind(self) -> None:
        self._file.seek(self._start)
        self._left = self.size

    def read(self, _: int = 0) -> bytes:
        """The next bytes. Of a file that grows meanwhile, the new ones are left out."""
        with local(self._path):
            block = self._file.read(min(self._left, BLOCK))
        if self._left and not block:
            raise LocalFailure(f"{self._path}: it has become smaller")
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._file.close()


class Credentials:
    """Those of the environment or of the container: id, secret, session token."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._found: Tuple[str, ...] = ()
        self._until = 0.0  # on the monotonic clock

    def get(self) -> Tuple[str, ...]:
        """Empty: there are none."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        own = tuple(self._environ.get(name, "") for name in names)
        relative = self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        url = f"http://169.254.170.2{relative}" if relative else self._environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if own[0] or not url:
            return own if own[0] else ()
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = self._asked(url)
                self._until = time.monotonic() + FRESH
            return self._found

    def _asked(self, url: str) -> Tuple[str, ...]:
        token = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        request = urllib.request.Request(url, headers={"Authorization": token} if token else {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy is to see them
        with opener.open(request, timeout=PATIENCE) as answer:
            found = json.loads(answer.read().decode())
        return found["AccessKeyId"], found["SecretAccessKey"], found["Token"]


def _send(connection: http.client.HTTPConnection, data: Any) -> None:
    """Send it. If the server takes no more, its answer, which is read next, says why."""
    if connection.sock is None:
        connection.connect()
    with suppress(ConnectionError, ssl.SSLError):
        http.client.HTTPConnection.send(connection, data)


class Connection(http.client.HTTPConnection):
    """One with HTTP."""

    def send(self, data: Any) -> None:
        _send(self, data)


class SecureConnection(http.client.HTTPSConnection):
    """One with HTTPS."""

    def send(self, data: Any) -> None:
        _send(self, data)


class Opener(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections, for which the certificates are read once."""

    def __init__(self, secure: bool) -> None:
        urllib.request.HTTPHandler.__init__(self)
        self._certificates = ssl.create_default_context() if secure else None

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(Connection, req)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(SecureConnection, req, context=self._certificates)


def words_of(body: bytes, otherwise: str) -> str:
    """What the body of an answer says of an error: its code, and its message."""
    text = body.decode(errors="replace")
    found = (re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("Code", "Message"))
    return " ".join(": ".join(one[1] for one in found if one).split()) or otherwise


def said(error: urllib.error.HTTPError) -> Failure:
    """What S3 says of an error."""
    body = b""
    with error, suppress(OSError, http.client.HTTPException):
        body = error.read(BLOCK)
    words = words_of(body, str(error.reason))
    passing = error.code == 400 and words.startswith(PASSING)
    return Failure(f"HTTP Error {error.code}: {words}", 0 if passing else error.code)


def read(answer: Any) -> bytes:
    """The body of an answer."""
    return bytes(answer.read())


class S3:
    """S3, as the launcher finds it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        def first(*names: str) -> str:
            return next((environ[name] for name in names if environ.get(name)), "")

        self.region = first("PEGASUS_AWS_BATCH_REGION", "AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "PEGASUS_AWS_BATCH_ENDPOINT")
        self._endpoint = endpoint.rstrip("/")
        self._credentials = Credentials(environ)
        self._has_credentials = True
        self._opener = urllib.request.build_opener(Opener(endpoint.startswith("https:")))

    def call(
        self,
        method: str,
        url: str,
        body: Union[bytes, Content] = b"",
        headers: Optional[Dict[str, str]] = None,
        use: Callable[[Any], Any] = read,
        **query: str,
    ) -> Any:
        """What `use` makes of the answer; it may raise OSError, too. `headers`: x-amz-...; `query`: sorted.

        Failure: after all tries.
        """
        verb = "fetch" if method == "GET" else "send"
        pauses = list(PAUSES)
        while True:
            try:
                with self._answer(method, url, body, headers or {}, urlencode(query, quote_via=quote)) as answer:
                    return use(answer)
            except urllib.error.HTTPError as error:
                failure = said(error)
            except (OSError, http.client.HTTPException) as error:
                failure = Failure(str(error))
            if failure.is_final or not pauses:
                known = "" if self._has_credentials else "without credentials: "
                raise Failure(f"cannot {verb} {url} (region {self.region}): {known}{failure}", failure.status)
            time.sleep(pauses.pop(0))

    def _answer(self, method: str, url: str, body: Union[bytes, Content], headers: Dict[str, str], query: str) -> Any:
        address = self._address(url)
        if isinstance(body, Content):
            body.rewind()
            digest, size = body.digest, body.size
        else:
            digest, size = hashlib.sha256(body).digest(), len(body)
        if method == "PUT":
            headers = {**headers, "x-amz-checksum-sha256": b64encode(digest).decode()}
        headers = self._signed(method, address, query, headers, digest.hex())
        if method in ("PUT", "POST"):
            headers.update({"Content-Length": str(size), "Content-Type": "binary/octet-stream"})
        data: Any = body if method in ("PUT", "POST") else None
        request = urllib.request.Request(f"{address}?{query}" if query else address, data, headers, method=method)
        return self._opener.open(request, timeout=PATIENCE)

    def _address(self, url: str) -> str:
        bucket, _, key = url[len("s3://") :].partition("/")
        place = f"{self._endpoint}/{bucket}"
        if bucket.startswith("arn:"):  # arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME, which has a host of its own
            name, _, key = key.partition("/")
            place = f"https://{name}-{bucket.split(':')[4]}.s3-accesspoint.{self._endpoint.partition('.')[2]}"
        return f"{place}/{quote(os.fsencode(key), safe='/-_.~')}"

    def _signed(self, method: str, address: str, query: str, headers: Dict[str, str], digest: str) -> Dict[str, str]:
        """The headers, and those of a signature as AWS wants it (version 4), if there are credentials."""
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {**headers, "x-amz-content-sha256": digest, "x-amz-date": now}
        credentials = self._credentials.get()
        self._has_credentials = bool(credentials)
        if not credentials:
            return headers
        identity, secret, token = credentials
        if token:
            headers["x-amz-security-token"] = token
        host, _, path = address.partition("://")[2].partition("/")
        signed = sorted({**headers, "host": host}.items())
        names = ";".join(name for name, _ in signed)
        lines = [method, f"/{path}", query, *(f"{name}:{value}" for name, value in signed), "", names, digest]
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        canonical = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = f"AWS4{secret}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{canonical}"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        value = f"AWS4-HMAC-SHA256 Credential={identity}/{scope},SignedHeaders={names},Signature={key.hex()}"
        return {**headers, "Authorization": value}
