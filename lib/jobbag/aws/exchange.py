"""A request whose bytes are ready, over a connection that is open already, and its answer, with little CPU.

Only botocore opens connections: it knows proxies, certificates and addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any

from urllib3.util.connection import is_connection_dropped

SENT_AT_ONCE = 256 * 1024  # bytes, for which the timeout of a connection holds
LONGEST_LINE, MOST_LINES = 65536, 100  # of the head of an answer
MOST_DIGITS = 18  # of the length of an answer
CONTINUES = 200  # HTTP status below which another head follows


class Answer(HTTPResponse):
    """An answer; the standard library's, but for its head, which that reads as if it were an e-mail."""

    fields: dict[str, str]  # the headers by their names in lower case

    def begin(self) -> None:
        """Read the head. Raises HTTPException and OSError."""
        head: Any = self
        while True:
            version, self.status, self.reason = head._read_status()
            self.fields = self._fields()
            if self.status >= CONTINUES:
                break
        self.code, self.version = self.status, 11 if version.startswith("HTTP/1.1") else 10
        self.headers = self.msg = head.fields
        self.chunked = self.fields.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        length = self.fields.get("content-length", "")
        if len(length) > MOST_DIGITS:
            raise HTTPException("an answer with a length that is none")
        self.length = int(length) if length.isdecimal() and not self.chunked else None
        if self.status in (204, 304):
            self.length = 0
        connection = self.fields.get("connection", "").lower()
        self.will_close = "close" in connection or self.version < 11 or (self.length is None and not self.chunked)

    def _fields(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for _ in range(MOST_LINES):
            line = self.fp.readline(LONGEST_LINE + 1)
            if line in (b"\r\n", b"\n", b"") or len(line) > LONGEST_LINE:
                break
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        if line not in (b"\r\n", b"\n"):
            raise HTTPException("an answer with a head that does not end")
        return fields


@contextmanager
def open_connection(pool: Any) -> Iterator[Any]:
    """A connection of a pool of urllib3 that is open and free; None if there is none. After an error it is closed."""
    if pool.pool is None:  # it was closed
        yield None
        return
    connection: Any = pool._get_conn()
    try:
        yield connection if connection.sock is not None and not is_connection_dropped(connection) else None
    except BaseException:
        connection.close()
        raise
    finally:
        pool._put_conn(connection)


def exchange(connection: Any, head: bytes, body: bytes) -> Answer:
    """Send a request, and read the head of its answer. Raises HTTPException and OSError."""
    try:
        if len(body) <= SENT_AT_ONCE:
            connection.sock.sendall(head + body)
        else:
            connection.sock.sendall(head)
            content = memoryview(body)
            for start in range(0, len(body), SENT_AT_ONCE):
                connection.sock.sendall(content[start : start + SENT_AT_ONCE])
    except BrokenPipeError:
        pass  # there may be an answer all the same: that it is refused, before all of it was sent
    answer = Answer(connection.sock)
    try:
        answer.begin()
    except BaseException:
        answer.close()
        raise
    return answer
