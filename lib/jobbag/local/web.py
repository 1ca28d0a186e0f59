"""The HTTP server of the embedded AWS, and who answers which request: our Batch, or moto for all else."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
import re
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

from .backends import MOTO
from .batch import Batch
from .policy import ClientException

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SCOPE = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/")
JOIN_SECONDS = 2.0
REFUSAL_SECONDS, REFUSAL_BYTES = 1.0, 64 * 1024
LARGEST = 5 * 1024**3  # bytes of a request: the largest object that S3 takes with one

log = logging.getLogger(__name__)


def application(batch: Callable[[str], Batch], keep: Callable[[], None]) -> WSGIApplication:
    """Our Batch, of the region that the request's signature names, and moto, one request at a time.

    `keep` is called after each request to moto, before its answer goes out. If it raises OSError, that is the answer.
    """
    moto: Any = DomainDispatcherApplication(create_backend_app)
    # For each request, moto would list its own directory and try the addresses of all services.
    moto.get_backend_for_host = functools.cache(moto.get_backend_for_host)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _, region, service = _scope(environ.get("HTTP_AUTHORIZATION", ""))
        if service == "batch":
            return _answer_batch(batch(region), environ, start_response)
        with MOTO:
            answer = [b"".join(moto(environ, start_response))]
            try:
                keep()
            except OSError as error:
                return _not_kept(error, start_response)
            return answer

    return answer


def _not_kept(error: OSError, start_response: StartResponse) -> Iterable[bytes]:
    """An error in the form of S3, for what could not be written to disk. No client tries again by itself."""
    what = escape(f"the embedded AWS cannot keep it: {error}")
    start_response("409 Conflict", [("Content-Type", "application/xml")])
    return [f"<Error><Code>NotKept</Code><Message>{what}</Message></Error>".encode(errors="replace")]


def _scope(authorization: str) -> tuple[str, str, str]:
    """Access key, region and service of a request's signature."""
    found = SCOPE.search(authorization)
    return (found[1], found[2], found[3]) if found else ("", "", "")


def _answer_batch(batch: Batch, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    status, headers = "200 OK", [("Content-Type", "application/json")]
    try:
        text = _call(batch, environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
    except ClientException as error:
        status, text = "400 Bad Request", json.dumps({"message": str(error)})
        headers.append(("x-amzn-ErrorType", "ClientException"))
    start_response(status, headers)
    return [text.encode()]


def _call(batch: Batch, method: str, path: str, environ: WSGIEnvironment) -> str:
    body: dict[str, Any] = json.loads(environ["wsgi.input"].read() or "{}")
    operation, _, arn = path.removeprefix("/v1/").partition("/")
    if operation != "tags":
        return batch.call(operation, body)
    removed = parse_qs(environ["QUERY_STRING"]).get("tagKeys", [])
    return batch.tags(method, arn, body.get("tags") or dict.fromkeys(removed, ""))


class Handler(MotoRequestHandler):
    """Answers requests over kept connections; werkzeug closes each, after a wait of 10 ms.

    A layer around the application that raises ConnectionError drops the connection without an answer.
    """

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """Let the client send its body: it waits for that, a second at most."""
        if self._refusal() is not None:
            return True  # which `run_wsgi` says
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Answer one request."""
        if (refusal := self._refusal()) is not None:
            self._refuse(*refusal)
            return
        environ = self.make_environ()
        if environ.get("HTTP_TRANSFER_ENCODING"):
            self.close_connection = True  # moto reads the chunks, but maybe not to their end
        else:
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0)))
        try:
            status, headers, body = _run(self.server.app, environ)
        except ConnectionError:
            self.close_connection = True
            return
        except Exception:
            log.exception("%s %s", self.command, self.path)
            status, headers, body = "500 Internal Server Error", [], b""
        self._send(status, headers, body)

    def _refusal(self) -> tuple[str, list[tuple[str, str]]] | None:
        """The status and headers for a request that gets nothing: of a stranger, or with a body without bound."""
        key, _, _ = _scope(self.headers.get("Authorization", ""))
        wanted = self.server.only_key
        if wanted is not None and not secrets.compare_digest(key.encode(), wanted.encode()):
            return "403 Forbidden", [("x-amzn-ErrorType", "UnrecognizedClientException")]
        length = self.headers.get("Content-Length") or "0"
        if not re.fullmatch(r"[0-9]{1,19}", length) or int(length) > LARGEST:
            return "413 Content Too Large", []
        return None

    def _refuse(self, status: str, headers: list[tuple[str, str]]) -> None:
        """Say no, and read no body: only so much that a client which has sent a small one hears of it."""
        self.close_connection = True
        self._send(status, headers, b"")
        self.connection.settimeout(REFUSAL_SECONDS)
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.rfile.read1(REFUSAL_BYTES)

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, text = status.partition(" ")
        self.send_response(int(code), text)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers} and int(code) not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing: the client's own log tells it better."""


def _run(app: WSGIApplication, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        started.append((status, headers))
        return written.append

    written.extend(app(environ, start_response))
    return *started[-1], b"".join(written)


class Server(ThreadedWSGIServer):
    """Serves on this machine only; closing it ends every connection and its thread.

    Where an access key is given, whoever has another gets nothing.
    """

    def __init__(self, app: WSGIApplication, only_key: str | None) -> None:
        super().__init__("127.0.0.1", 0, app, handler=Handler)
        self.only_key = only_key
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve the connection in a thread of its own."""
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that leaves before its answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Close the listening socket and all connections."""
        super().server_close()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(JOIN_SECONDS)
