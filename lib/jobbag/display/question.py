"""Ctrl-C on a terminal asks what is to become of the jobs, while the run goes on."""

from __future__ import annotations

import os
import select
import signal
import termios
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING

from jobbag.display.views import Ground
from jobbag.errors import ExitCode, Interrupted, ToolError
from jobbag.events.state import RunState
from jobbag.options.settings import Settings
from jobbag.signals import Signals
from jobbag.text import counted
from jobbag.threads import join, start

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 1.0  # s for a terminal that takes no more text
TERMINATE, DETACH = ("t", "terminate"), ("d", "detach")
# What the thread wakes for; a signal has its number.
_ASK, _WITHDRAW, _END, _LINE = b"a", b"w", b"e", b"l"
_AGAIN = bytes([signal.SIGCONT])
STDIN, STDERR = 0, 2


def asking(settings: Settings, signals: Signals, ground: Ground, state: RunState) -> AbstractContextManager[object]:
    """A context in which SIGINT asks, if somebody is there to answer, and has not said before what it is to do."""
    if settings.on_interrupt is not None or not _in_foreground():
        return nullcontext()
    return Question(signals, ground, lambda: sum(1 for _ in state.running()), detach=not settings.local)


class Question:
    """Asks on the terminal, in a thread of its own. A context manager, during which SIGINT asks."""

    def __init__(self, signals: Signals, ground: Ground, running: Callable[[], int], *, detach: bool) -> None:
        """`running`: how many jobs run; `detach`: they can be left running."""
        self._signals = signals
        self._ground = ground
        self._running = running
        self._detach = detach
        self._asks = False
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)  # as set_wakeup_fd wants
        with suppress(ToolError):  # the system allows no thread: nothing is asked
            self._threads = start([threading.Thread(target=self._work, name="question", daemon=True)])
            # The main thread may sleep on, as any thread may be the one that gets a signal.
            self._continued = signal.signal(signal.SIGCONT, lambda *_: None)
            self._woken_before = signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
            self._signals.asker = self
        return self

    def __exit__(self, *_: object) -> None:
        self._signals.asker = None
        if self._threads:
            signal.set_wakeup_fd(self._woken_before)
            signal.signal(signal.SIGCONT, self._continued)
            self._wake(_END)
        if join(self._threads, PATIENCE):
            os.close(self._woken)
            os.close(self._wakes)

    def ask(self) -> bool:
        """Ask, in a moment; false where nobody can be asked, or is asked already."""
        if self._asks or not _in_foreground():
            return False
        self._asks = True
        self._wake(_ASK)
        return True

    def withdraw(self) -> None:
        """Ask no more, as another signal says what is to be done."""
        self._wake(_WITHDRAW)

    def _wake(self, what: bytes) -> None:
        os.write(self._wakes, what)

    def _work(self) -> None:
        # Who reads from a terminal in the background gets an error by that, and is not stopped.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
        with suppress(OSError, termios.error):  # the terminal is gone
            while (what := self._next()) != _END:
                if what == _ASK:
                    termios.tcflush(STDIN, termios.TCIFLUSH)  # what was typed before is no answer
                    self._ground.ask(self._text)
                elif what == _AGAIN and not self._asks:
                    self._ground.resumed()
                elif what == _AGAIN and _in_foreground():
                    self._ground.ask(self._text)
                elif what == _LINE:
                    self._hear()
                elif what in (_WITHDRAW, _AGAIN) and self._asks:
                    self._close(by_line=False)
            if self._asks:
                self._close(by_line=False)
        self._asks = True  # for good: nobody can be asked any more

    def _next(self) -> bytes:
        """What is to be done, once there is something; _LINE: to read the answer."""
        ready, _, _ = select.select([self._woken, *([STDIN] if self._asks else [])], [], [])
        return os.read(self._woken, 1) if self._woken in ready else _LINE

    def _hear(self) -> None:
        try:
            line = os.read(STDIN, 4096)
        except OSError:  # another has the terminal now
            line = b""
        answer = line.decode(errors="replace").strip().lower()
        if answer and answer not in (*TERMINATE, *(DETACH if self._detach else ())):
            self._ground.ask(self._text)
            return
        self._close(by_line=line.endswith(b"\n"))
        if answer:
            interrupted = Interrupted(ExitCode.SIGINT)
            interrupted.leaves_jobs = answer in DETACH
            self._signals.heed(interrupted)

    def _close(self, *, by_line: bool) -> None:
        termios.tcflush(STDIN, termios.TCIFLUSH)
        self._ground.answered(by_line=by_line)
        self._asks = False

    @property
    def _text(self) -> str:
        number = self._running()
        run = f"{counted(number, 'job')} {'runs' if number == 1 else 'run'}" if number else "No job runs"
        detach = ", d: detach" if self._detach else ""
        return f"{run}. t: terminate{detach}, Enter: go on "


def _in_foreground() -> bool:
    """Whether what is typed at the terminal is for this process."""
    try:
        return os.isatty(STDERR) and os.tcgetpgrp(STDIN) == os.getpgrp()
    except OSError:
        return False
