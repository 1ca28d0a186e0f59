"""SIGINT and SIGTERM → an exception in the main thread; a second one leaves at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from jobbag.errors import ExitCode, Interrupted

_EXIT_CODES = {signal.SIGINT: ExitCode.SIGINT, signal.SIGTERM: ExitCode.SIGTERM}


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it, the first of these signals raises Interrupted."""
    seen = False

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal seen
        code = _EXIT_CODES[signal.Signals(number)]
        if seen:
            os._exit(code)
        seen = True
        raise Interrupted(code)

    before = {number: signal.signal(number, handle) for number in _EXIT_CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
