"""The impatient command, cut short at one of its calls: `killpoint.py NUMBER MODE CALLS FACTOR PYTHON SCRIPT WORD ...`.

The calls that make a difference outside of the process are counted: each write, fsync, rename, link, unlink and
truncate of a file below the working directory, and each send to AWS. They are listed in the file CALLS, a line each.
At the one with the number, the process is killed before it, after it, or when half of it is done (MODE `before`,
`after`, `torn`), or it gets a signal, of which MODE is the name. The number 0 is that of no call.
"""

from __future__ import annotations

import builtins
import io
import os
import pathlib
import select
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

point, mode, listing = (sys.argv.pop(1) for _ in range(3))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos import impatient  # noqa: E402

ANSWER = 0.5  # s until the answer to a whole request is there at the latest


class Calls:
    """Counts the calls, and cuts the process short at one of them."""

    def __init__(self, number: int, mode: str, listing: Path) -> None:
        self._number, self._mode = number, mode
        self._write = os.write
        self._listing = os.open(listing, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._count = 0
        self._lock = threading.Lock()

    def come(self, what: str) -> str:
        """Before a call: what is still to be done at it, `after` or `torn`, or nothing."""
        with self._lock:
            self._count += 1
            self._write(self._listing, f"{what}\n".encode())
            if self._count != self._number:
                return ""
        if self._mode == "before":
            self.die()
        elif self._mode.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[self._mode])
            return ""
        return self._mode

    def die(self) -> None:
        """As by a power cut for the process, or `kill -9`."""
        os.kill(os.getpid(), signal.SIGKILL)


def count_files(calls: Calls, below: str) -> None:
    """Count what is done to files below a directory."""
    opened: dict[int, str] = {}  # by file descriptor
    write, open_low, open_high, truncate = os.write, os.open, io.open, os.truncate

    def is_below(path: Any) -> bool:
        return os.path.abspath(os.fsdecode(path)).startswith(below)

    def name_of(path: Any) -> str:
        return os.path.relpath(os.fsdecode(path), below) if is_below(path) else ""

    def counted(what: str, call: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        still = calls.come(what)
        try:
            return half() if still == "torn" and half else call()
        finally:
            if still:
                calls.die()

    class File(io.FileIO):
        """A file below the directory that is written to."""

        def write(self, data: Any) -> int:
            content = bytes(data)
            put = super().write
            name = opened.get(self.fileno(), "?")
            done: int = counted(f"write {name}", lambda: put(content), lambda: put(content[: len(content) // 2]))
            return done

    def counted_open_low(path: Any, flags: int, *others: Any, **more: Any) -> int:
        file = open_low(path, flags, *others, **more)
        opened[file] = name_of(path)
        return file

    def counted_write(file: int, data: Any) -> int:
        if not (opened.get(file) and stat.S_ISREG(os.fstat(file).st_mode)):
            return write(file, data)
        done: int = counted(
            f"write {opened[file]}", lambda: write(file, data), lambda: write(file, data[: len(data) // 2])
        )
        return done

    def counted_open(
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
        newline: Any = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        ours = opened.get(file) if isinstance(file, int) else name_of(file)
        if not ours or set(mode) <= set("rbt"):
            return open_high(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = File(file, mode.translate({ord("b"): None, ord("t"): None}), closefd, opener)
        opened[raw.fileno()] = ours
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)

    def counted_truncate(path: Any, length: int) -> None:
        counted(f"truncate {path}", lambda: truncate(path, length))

    def of_descriptor(name: str) -> None:
        real = getattr(os, name)
        setattr(os, name, lambda file: counted(f"{name} {opened.get(file, '?')}", lambda: real(file)))

    def of_paths(name: str) -> None:
        real = getattr(os, name)

        def call(*paths: Any, **more: Any) -> Any:
            names = [name_of(path) for path in paths if isinstance(path, (str, bytes, os.PathLike))]
            if not any(names):
                return real(*paths, **more)
            return counted(" ".join((name, *names)), lambda: real(*paths, **more))

        setattr(os, name, call)
        replace_in_pathlib(name, call)

    of_descriptor("fsync")
    for each in ("rename", "replace", "link", "unlink", "remove"):
        of_paths(each)
    os.write, os.open, os.truncate = counted_write, counted_open_low, counted_truncate
    io.open = builtins.open = counted_open
    replace_in_pathlib("open", counted_open)


def replace_in_pathlib(name: str, call: Callable[..., Any]) -> None:
    """Python 3.10's pathlib keeps these functions for itself."""
    kept = getattr(pathlib, "_NormalAccessor", None)
    if kept is not None:
        setattr(kept, name, staticmethod(call))


def count_sends(calls: Calls) -> None:
    """Count what is sent to AWS. After a request, its answer is awaited, so that it has taken effect."""
    send = socket.socket.sendall

    def counted_send(own: socket.socket, data: Any, *flags: int) -> None:
        content = bytes(data)
        still = calls.come(f"send {content[:60].partition(b' HTTP/')[0].decode(errors='replace')!r}")
        send(own, content[: len(content) // 2] if still == "torn" else content, *flags)
        if still == "after":
            select.select([own], [], [], ANSWER)
        if still:
            calls.die()

    socket.socket.sendall = counted_send  # type: ignore[method-assign, assignment]


def main() -> int:
    """Run the command."""
    calls = Calls(int(point), mode, Path(listing))
    count_files(calls, os.path.join(os.getcwd(), ""))
    count_sends(calls)
    return impatient.main()


if __name__ == "__main__":
    sys.exit(main())
