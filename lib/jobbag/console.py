"""What the command says on stdout and stderr."""

from __future__ import annotations

import os
import sys
from errno import EIO, EPIPE
from typing import TextIO

from jobbag.errors import PROG, ToolError
from jobbag.text import plain


def complain(*lines: str) -> None:
    """Tell errors on stderr, a line each."""
    say(sys.stderr, *(f"{PROG}: {plain(line)}" for line in lines))


def say(stream: TextIO | None, *lines: str) -> None:
    """Write lines, and all that waits to be written. Raises ToolError, but not where nobody reads it any more.

    The end of the process would try again, and have an exit status of its own.
    """
    if stream is None:  # it was closed when the command was started
        return
    try:
        for line in lines:
            print(line, file=stream)
        stream.flush()
    except OSError as error:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), stream.fileno())
        if stream is sys.stdout and error.errno not in (EPIPE, EIO):  # of a pipe, and of a terminal
            raise ToolError(f"cannot write to stdout: {error.strerror}") from None
