"""`python -m bench.counting`: the embedded AWS as a server that keeps an account of the calls, as the lab does."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobbag.local import LocalAws

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Counting:
    """A layer of WSGI that counts what passes it. It serves `/_lab/stats` and `/_lab/reset` itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._calls: Counter[str] = Counter()
        self._first: dict[str, float] = {}  # time.monotonic()
        self._bytes = 0

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """The application with the layer before it."""

        def counting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"].startswith("/_lab/"):
                return self._page(environ["PATH_INFO"], start_response)
            self._count(environ)
            return application(environ, start_response)

        return counting

    def _count(self, environ: WSGIEnvironment) -> None:
        api = api_of(environ)
        with self._lock:
            self._calls[api] += 1
            self._bytes += int(environ.get("CONTENT_LENGTH") or 0)
            self._first.setdefault(api, time.monotonic())

    def _page(self, path: str, start_response: StartResponse) -> Iterable[bytes]:
        page: object = None
        with self._lock:
            if path == "/_lab/stats":
                apis = {
                    api: {"calls": calls, "throttled": 0, "errors": 0, "first": self._first[api]}
                    for api, calls in self._calls.items()
                }
                page = {"apis": apis, "bytes_in": self._bytes}
            elif path == "/_lab/reset":
                self._forget()
        body = json.dumps(page).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def api_of(environ: WSGIEnvironment) -> str:
    """The API that a request is for, in lower case; of S3, the method."""
    path: str = environ["PATH_INFO"]
    if path.startswith("/v1/"):
        return path.split("/")[2]
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2].lower()
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return "getcalleridentity"
    return f"s3:{environ['REQUEST_METHOD'].lower()}"


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LocalAws(wrap=Counting().wrap) as aws:
        print(aws.endpoint, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
