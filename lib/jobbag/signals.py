"""SIGINT, SIGTERM and SIGHUP, handled in the main thread; a second one leaves at once.

Where the main thread reads the events of a run, a signal is one of them: then nothing is torn. Elsewhere it is an
exception. Whoever sends SIGTERM sends SIGKILL after it, so that some time after it the command leaves by itself,
whatever it waits for.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from jobbag.errors import ExitCode, Interrupted

_EXIT_CODES = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    signal.SIGHUP: ExitCode.SIGHUP,
}


class Signals:
    """The handlers of a command. A context manager: leaving it restores those before."""

    def __init__(self, *, for_good: bool = False) -> None:
        """`for_good`: the process ends with the command, whose exit status a signal after it is not to change."""
        self._for_good = for_good
        self._seen = False
        self._deliver: Callable[[Interrupted], None] | None = None
        self._alarm: threading.Timer | None = None
        self.patience: float | None = None  # s between SIGTERM and leaving
        self.last_words = ""  # for who leaves at once: how to come back
        self.last_act: Callable[[], None] = lambda: None  # what must not be left behind even then

    def __enter__(self) -> Signals:
        heeded = [number for number in _EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup wants
        self._before = {number: signal.signal(number, self._handle) for number in heeded}
        return self

    def __exit__(self, *_: object) -> None:
        self.ignore()
        for number, handler in self._before.items() if not self._for_good else ():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """From now on, heed no signal: all is done."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        if self._alarm is not None:
            self._alarm.cancel()

    @contextmanager
    def delivered_to(self, deliver: Callable[[Interrupted], None]) -> Iterator[None]:
        """While it lasts, a signal is not raised but handed over. `deliver` must be safe to call at any moment."""
        self.deliver_to(deliver)
        try:
            yield
        finally:
            self._deliver = None

    def deliver_to(self, deliver: Callable[[Interrupted], None]) -> None:
        """From now on, hand a signal over."""
        self._deliver = deliver

    def _handle(self, number: int, _: FrameType | None) -> None:
        code = _EXIT_CODES[signal.Signals(number)]
        if self._seen:
            self._leave(code)
        self._seen = True
        if code is ExitCode.SIGTERM and self.patience is not None:
            self._alarm = threading.Timer(self.patience, self._leave, [code])
            self._alarm.daemon = True
            self._alarm.start()
        if self._deliver is None:
            raise Interrupted(code)
        self._deliver(Interrupted(code))

    def _leave(self, code: ExitCode) -> NoReturn:
        if os.isatty(2):  # below the ^C that it shows, and what was on that line
            os.write(2, b"\n")
        os.write(2, self.last_words.encode(errors="replace"))
        with suppress(Exception):
            self.last_act()
        os._exit(code)
