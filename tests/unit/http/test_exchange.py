"""Requests over a connection that is open, and their answers, byte by byte."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

from jobbag.http.exchange import HEAD_TIME, MOST_LINES, SENT_AT_ONCE, Answer, exchange, open_connection


@pytest.fixture
def ends() -> Iterator[tuple[Any, socket.socket]]:
    """A connection, as urllib3 has it, and its other end."""
    here, there = socket.socketpair()
    here.settimeout(10)
    with here, there:
        connection = urllib3.connection.HTTPConnection("127.0.0.1")
        connection.sock = here
        yield connection, there


def answered(ends: tuple[Any, socket.socket], content: bytes) -> Answer:
    connection, there = ends
    there.sendall(content)
    return exchange(connection, b"GET / HTTP/1.1\r\n\r\n", [])


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag:  \"x\" \r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", b""),
    ],
    ids=["a length", "chunks", "another head before it", "nothing"],
)  # fmt: skip
def test_an_answer_that_leaves_the_connection_open(
    ends: tuple[Any, socket.socket], content: bytes, body: bytes
) -> None:
    with closing(answered(ends, content)) as answer:
        assert answer.read() == body
        assert not answer.will_close
        assert answer.fields.get("etag", '"x"') == '"x"'


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n\r\nabc",
    ],
    ids=["as it says", "of an old server", "without a length"],
)
def test_an_answer_after_which_the_connection_is_of_no_use(ends: tuple[Any, socket.socket], content: bytes) -> None:
    connection, there = ends
    there.sendall(content)
    there.shutdown(socket.SHUT_WR)
    with closing(exchange(connection, b"GET / HTTP/1.1\r\n\r\n", [])) as answer:
        assert answer.will_close
        assert answer.read() == b"abc"


@pytest.mark.parametrize(
    "content",
    [
        b"no HTTP at all\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (MOST_LINES + 1),
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MOST_LINES + 1) + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=[
        "another language",
        "silence",
        "too many headers",
        "a long one",
        "a length that no number can be",
        "only that it will come",
    ],
)
def test_what_is_no_answer(ends: tuple[Any, socket.socket], content: bytes) -> None:
    connection, there = ends
    there.sendall(content)
    there.shutdown(socket.SHUT_WR)
    with pytest.raises((HTTPException, OSError)), closing(exchange(connection, b"\r\n\r\n", [])) as answer:
        answer.read()


def test_a_head_that_hardly_comes_is_given_up(ends: tuple[Any, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count(step=HEAD_TIME / 5)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    with pytest.raises(HTTPException, match="too slowly"):
        answered(ends, b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10)


def test_an_answer_is_heard_of_who_does_not_read_all_of_the_request() -> None:
    """It comes before a reset of the connection, as nothing reads the rest."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as here:
        there, _ = server.accept()
        connection = urllib3.connection.HTTPConnection("127.0.0.1")
        connection.sock = here

        def body() -> Iterator[bytes]:
            yield b"x" * SENT_AT_ONCE
            there.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            there.close()
            yield from [b"x" * SENT_AT_ONCE] * 2

        with closing(exchange(connection, b"PUT / HTTP/1.1\r\n\r\n", body())) as answer:
            assert (answer.status, answer.read()) == (403, b"no")


@pytest.mark.parametrize("sizes", [[], [3], [70_000], [600_000], [20, 1_000_000, 2], [200_000] * 3])
def test_all_of_a_body_is_sent(sizes: list[int], ends: tuple[Any, socket.socket]) -> None:
    connection, there = ends
    pieces = [bytes([number % 256]) * size for number, size in enumerate(sizes, 1)]
    head, told, got = b"PUT / HTTP/1.1\r\n\r\n", [0], [b""]
    whole = head + b"".join(pieces)

    def serve() -> None:
        while len(got[0]) < len(whole):
            got[0] += there.recv(1_000_000)
        there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    with closing(exchange(connection, head, iter(pieces), told.append)) as answer:
        assert answer.status == 200
    thread.join()
    assert got[0] == whole
    assert sum(told) == len(whole)
    assert max(told) <= SENT_AT_ONCE


def pool_of(*connections: Any) -> Any:
    """A pool of urllib3, as far as it is used, by which botocore has sent."""
    free: queue.LifoQueue[Any] = queue.LifoQueue()
    for one in connections:
        free.put(one)
    timeout = SimpleNamespace(read_timeout=7.0)
    return SimpleNamespace(pool=free, num_connections=1, timeout=timeout, _get_conn=free.get, _put_conn=free.put)


def test_a_connection_that_the_server_has_closed_is_opened_again(ends: tuple[Any, socket.socket]) -> None:
    connection, there = ends
    pool = pool_of(connection)
    with open_connection(pool) as usable:
        assert usable is connection
    there.close()
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection.port = server.getsockname()[1]
        with open_connection(pool) as usable:
            assert usable is connection
            assert usable.sock.getpeername() == server.getsockname()
            assert usable.sock.gettimeout() == 7.0
            usable.close()
    with open_connection(pool) as usable:  # nobody is there any more
        assert usable is None
    assert connection.sock is None


def test_the_first_connection_is_botocores(ends: tuple[Any, socket.socket]) -> None:
    pool = pool_of(ends[0])
    pool.num_connections = 0
    with open_connection(pool) as usable:
        assert usable is None
    with open_connection(SimpleNamespace(pool=None)) as usable:
        assert usable is None


def test_a_connection_goes_back_and_is_closed_after_an_error(ends: tuple[Any, socket.socket]) -> None:
    connection, _there = ends
    pool = pool_of(connection)
    with pytest.raises(OSError, match="broken"), open_connection(pool):
        raise OSError("broken")
    assert pool.pool.get_nowait() is connection
    assert connection.sock is None
