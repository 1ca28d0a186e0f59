"""SIGINT, SIGTERM and SIGHUP, handled in the main thread; a second one leaves at once.

Where the main thread reads the events of a run, a signal is one of them: then nothing is torn. Elsewhere it is an
exception. Whoever sends SIGTERM sends SIGKILL after it, so that some time after it the command leaves by itself,
whatever it waits for.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from jobbag.errors import ExitCode, Interrupted

log = logging.getLogger(__name__)

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
        self._leaving = threading.RLock()  # taken for good by who leaves at once; a handler may take it anywhere
        self._over = False
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
        """From now on, heed no signal: all is done. Never returns if the command is leaving already."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        if self._alarm is not None:
            self._alarm.cancel()
        with self._leaving:
            self._over = True

    def deliver_to(self, deliver: Callable[[Interrupted], None]) -> None:
        """From now on, a signal is not raised but handed over. `deliver` must be safe to call at any moment."""
        self._deliver = deliver

    def only_tell(self) -> None:
        """From now on, a signal has nothing to cut short, and is told."""
        # Beside the main thread, which may be in the middle of writing to the log.
        self.deliver_to(lambda interrupted: threading.Thread(target=_tell, args=(interrupted,), daemon=True).start())

    def _handle(self, number: int, _: FrameType | None) -> None:
        code = _EXIT_CODES[signal.Signals(number)]
        if self._seen:
            self._leave(code)
            return
        self._seen = True
        if code is ExitCode.SIGTERM and self.patience is not None:
            self._alarm = threading.Timer(self.patience, self._leave, [code])
            self._alarm.daemon = True
            self._alarm.start()
        if self._deliver is None:
            raise Interrupted(code)
        self._deliver(Interrupted(code))

    def _leave(self, code: ExitCode) -> None:
        """End the process, unless all is done."""
        with self._leaving:
            if self._over:
                return
            if os.isatty(2):  # below the ^C that it shows, and what was on that line
                os.write(2, b"\n")
            os.write(2, self.last_words.encode(errors="replace"))
            with suppress(Exception):
                self.last_act()
            os._exit(code)


def _tell(interrupted: Interrupted) -> None:
    log.warning(
        "%s: only the clean-up is left, which goes on; a second signal leaves at once", interrupted.exit_code.name
    )


FOREVER = 86400.0  # s; each of the waits has its own bound
SHARE_OF_LOGS = 0.75  # of the time after SIGTERM; the rest is for the clean-up


@dataclass(frozen=True)
class StopPolicy:
    """What a signal leads to: the jobs are left alone, or terminated; then `grace` seconds for their logs.

    Whoever sends SIGTERM sends SIGKILL after it, so that with it all has to end in `grace` seconds.
    """

    detach: bool
    grace: float

    def detaches(self, interrupted: Interrupted) -> bool:
        """Whether the jobs are left alone. A session that drops is no wish to stop them."""
        return self.detach or interrupted.exit_code is ExitCode.SIGHUP

    def logs_until(self, interrupted: Interrupted) -> float:
        """Until when (time.monotonic()) logs are waited for."""
        share = SHARE_OF_LOGS if interrupted.exit_code is ExitCode.SIGTERM else 1.0
        return interrupted.at + share * self.grace

    def clean_up_seconds(self, interrupted: Interrupted | None) -> float:
        """How long the run may clean up. What is left then, a new start removes."""
        if interrupted is None or interrupted.exit_code is not ExitCode.SIGTERM:
            return FOREVER
        return max(interrupted.at + self.grace - time.monotonic(), 0.0)
