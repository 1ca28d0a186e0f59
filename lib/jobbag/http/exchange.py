"""A request whose bytes are ready, over a connection that is open already, and its answer, with little CPU.

Only botocore sets up connections: it knows proxies, certificates and addresses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from io import BufferedReader
from itertools import chain
from typing import Any

from urllib3.exceptions import HTTPError
from urllib3.util.connection import is_connection_dropped

SENT_AT_ONCE = 256 * 1024  # bytes, for which the timeout of a connection holds
COPIED = 64 * 1024  # bytes of a piece that is sent together with others
READ_AHEAD = 64 * 1024  # bytes of an answer, at most, that are read together with its head
LONGEST_LINE, MOST_LINES = 65536, 100  # of the head of an answer
HEAD_TIME = 20.0  # s from the first line of a head to its last
MOST_DIGITS = 18  # of the length of an answer
CONTINUES = 200  # HTTP status below which another head follows

Sent = Callable[[int], None]


class Answer(HTTPResponse):
    """An answer; the standard library's, but for its head, which that reads as if it were an e-mail."""

    fields: dict[str, str]  # the headers by their names in lower case

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.fp = BufferedReader(self.fp.detach(), READ_AHEAD)

    def begin(self) -> None:
        """Read the head. Raises HTTPException and OSError."""
        head: Any = self
        for _ in range(MOST_LINES):
            version, self.status, self.reason = head._read_status()
            self.fields = self._fields()
            if self.status >= CONTINUES:
                break
        else:
            raise HTTPException("an answer that is announced, and does not come")
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
        there = self.fp.peek()
        end = there.find(b"\r\n\r\n")
        if end >= 0 and not there.startswith(b"\r\n"):  # all of the head is there, as nearly always
            lines = self.fp.read(end + 4)[:-4].decode("latin-1").split("\r\n")
        else:
            lines = [line.decode("latin-1") for line in self._lines()]
        if len(lines) > MOST_LINES:
            raise HTTPException("an answer with a head that does not end")
        fields: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return fields

    def _lines(self) -> Iterator[bytes]:
        """The lines of the head, as they come."""
        began = time.monotonic()
        for _ in range(MOST_LINES):
            line = self.fp.readline(LONGEST_LINE + 1)
            if line in (b"\r\n", b"\n"):
                return
            if line == b"" or len(line) > LONGEST_LINE:
                break
            if time.monotonic() - began > HEAD_TIME:
                raise HTTPException("an answer with a head that comes too slowly")
            yield line
        raise HTTPException("an answer with a head that does not end")


@contextmanager
def open_connection(pool: Any) -> Iterator[Any]:
    """A connection of a pool of urllib3, by which botocore has sent before; None if there is none.

    After an error it is closed.
    """
    if pool.pool is None or not pool.num_connections:  # it was closed, or botocore has not set it up yet
        yield None
        return
    connection: Any = pool._get_conn()
    try:
        yield connection if _is_open(pool, connection) else None
    except BaseException:
        connection.close()
        raise
    finally:
        pool._put_conn(connection)


def _is_open(pool: Any, connection: Any) -> bool:
    """Open a connection, if it is not, as the pool would; whether that can be. If not, botocore says why."""
    if connection.sock is not None and not is_connection_dropped(connection):
        return True
    connection.close()
    try:
        connection.connect()
        connection.sock.settimeout(pool.timeout.read_timeout)
    except (HTTPError, OSError):
        connection.close()
        return False
    return True


def exchange(connection: Any, head: bytes, body: Iterable[bytes], sent: Sent = lambda _: None) -> Answer:
    """Send a request, and read the head of its answer. Raises HTTPException and OSError.

    `body`: its pieces. `sent` hears how many bytes are gone, the head among them, after each block.
    """
    try:
        for block in _blocks(chain([head], body)):
            connection.sock.sendall(block)
            sent(len(block))
    except (BrokenPipeError, ConnectionResetError):
        pass  # there may be an answer all the same: that it is refused, before all of it was sent
    answer = Answer(connection.sock)
    try:
        answer.begin()
    except BaseException:
        answer.close()
        raise
    return answer


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """What is sent at once: small pieces together, and large ones block by block, which copies nothing."""
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) < COPIED:
            small.append(piece)
            continue
        if small:
            yield b"".join(small)
            small = []
        content = memoryview(piece)
        yield from (content[start : start + SENT_AT_ONCE] for start in range(0, len(piece), SENT_AT_ONCE))
    if small:
        yield b"".join(small)
