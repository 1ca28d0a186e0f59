"""What the command says on stdout and stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import EIO, EPIPE
from typing import TextIO

from jobbag.errors import PROG, ToolError
from jobbag.text import plain


def open_standard_streams() -> None:
    """Let stdin, stdout and stderr be /dev/null where they were closed when the command was started.

    Else files that are opened later would get their numbers, and with them what is written to stdout and stderr.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def complain(*lines: str) -> None:
    """Tell errors on stderr, a line each."""
    say(sys.stderr, *(f"{PROG}: {plain(line)}" for line in lines))


def say(stream: TextIO | None, *lines: str) -> bool:
    """Write lines, and all that waits to be written. Raises ToolError; false where nobody reads it any more.

    The end of the process would try again, and have an exit status of its own.
    """
    if stream is None:  # it was closed when the command was started
        return False
    with _writing(stream):
        for line in lines:
            print(line, file=stream)
        stream.flush()
        return True
    return False


def pour(chunks: Iterable[bytes]) -> int:
    """Write bytes to stdout, as they are; gives how many. Raises ToolError, as `say` does."""
    size = 0
    with _writing(sys.stdout):
        for chunk in chunks:
            size += sys.stdout.buffer.write(chunk)
        sys.stdout.flush()
    return size


@contextmanager
def _writing(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), stream.fileno())
        if stream is sys.stdout and error.errno not in (EPIPE, EIO):  # of a pipe, and of a terminal
            raise ToolError(f"cannot write to stdout: {error.strerror}") from None
