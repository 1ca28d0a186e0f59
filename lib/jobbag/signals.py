"""SIGINT, SIGTERM and SIGHUP, handled in the main thread; a second one ends the process at once.

`--cancel` comes the same way, as a signal of its own that does nothing by itself.

While the main thread reads the events of a run, a signal becomes one of them, so that it interrupts nothing. Elsewhere
it becomes an exception; where it is held back, as it would cut short what must be whole, at the end of that. After
SIGTERM, SIGKILL is to be expected, so the process ends by itself some time after it, whatever it waits for.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jobbag.errors import ExitCode, Interrupted
from jobbag.main_thread import Waker

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_EXIT_CODES = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    signal.SIGHUP: ExitCode.SIGHUP,
}
_AGAIN = 0.05  # s until an exception that Python has dropped is raised again


class Asker(Protocol):
    """Asks what a SIGINT is to lead to. Both must be safe to call at any moment."""

    def ask(self) -> bool:
        """Begin to ask; false where nobody can be asked, or is asked already. The answer is for Signals.heed."""

    def withdraw(self) -> None:
        """Ask no more."""


class Stops:
    """How a run is stopped from another thread. `Signals` is the same for the command, which heeds signals."""

    def __init__(self) -> None:
        self._deliver: Callable[[Interrupted], None] | None = None
        self._early: Interrupted | None = None  # what came before anybody was there to hear of it
        self._holds = False  # no signal is raised
        self._giving = threading.Lock()
        self.asker: Asker | None = None
        self.patience: float | None = None  # s from SIGTERM to the end of the process; None: no bound
        self.last_words = ""  # printed to stderr when the process ends at once: how to go on later
        self.last_act: Callable[[], None] = lambda: None  # done even then: what must not stay running

    def stop(self, interrupted: Interrupted) -> None:
        """Stop the run. For any thread."""
        with self._giving:
            deliver = self._deliver
            if deliver is None:
                self._early = self._early or interrupted
        if deliver is not None:
            deliver(interrupted)

    def cancel(self) -> None:
        """Stop the run, as somebody elsewhere wants. For any thread."""
        self.stop(Interrupted(ExitCode.SIGTERM, cancelled=True))

    def check(self) -> None:
        """Raises Interrupted if the run was stopped before it had begun to listen. For the thread of the run."""
        if self._early is not None:
            raise self._early

    def held_back(self) -> AbstractContextManager[None]:
        """A context that no signal cuts short: one that comes meanwhile is raised at its end."""
        return _Holding(self, True)

    def let_through(self) -> AbstractContextManager[None]:
        """A context within `held_back` in which signals are raised again, those of before at its beginning.

        Together they guard the beginning and the end of what is entered between the two.
        """
        return _Holding(self, False)

    def deliver_to(self, deliver: Callable[[Interrupted], None]) -> None:
        """From now on, hand what stops the run to `deliver`, which must be safe to call at any moment."""
        with self._giving:
            self._deliver, early, self._early = deliver, self._early, None
        if early is not None:
            deliver(early)

    def only_tell(self) -> None:
        """From now on, do nothing: what is left to do, the clean-up, goes on."""
        self.deliver_to(lambda _: None)

    def only_call(self, call: Callable[[], None]) -> None:
        """From now on, do nothing but call this, whatever has come before."""
        self.deliver_to(lambda _: call())

    def ignore(self) -> None:
        """From now on, do nothing, as all is done."""
        self.only_tell()


class Signals(Stops):
    """The signal handlers of the command. A context manager, after which the handlers are those of before.

    Until it is said to whom to `deliver_to`, a signal is raised, in the main thread.
    """

    def __init__(self, *, for_good: bool = False) -> None:
        """`for_good`: the process ends after this context, so signals stay ignored: none can change the exit status."""
        super().__init__()
        self._for_good = for_good
        self._seen = self._cancelled = False
        self._alarm: threading.Timer | None = None
        self._leaving = threading.RLock()  # kept by who ends the process; reentrant, as a handler may run anywhere
        self._over = False
        self._dropped: Interrupted | None = None

    def __enter__(self) -> Signals:
        heeded = [number for number in _EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup wants
        self._hook, sys.unraisablehook = sys.unraisablehook, self._hear_dropped
        self._before: dict[int, Any] = {}  # the handlers
        self._waker = Waker(self._heed_call)
        try:
            for number in heeded:  # from the first on, a signal is raised here
                self._before[number] = signal.getsignal(number)
                signal.signal(number, self._handle)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.ignore()
        self._waker.close()
        sys.unraisablehook = self._hook
        for number, handler in self._before.items() if not self._for_good else ():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """Ignore signals from now on, as all is done. Does not return if the process is being ended already."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        if self._alarm is not None:
            self._alarm.cancel()
            signal.setitimer(signal.ITIMER_REAL, 0)
        with self._leaving:
            self._over = True

    def only_tell(self) -> None:
        """From now on, only log a signal: what is left to do, the clean-up, goes on."""
        self.deliver_to(_tell_soon)

    def only_call(self, call: Callable[[], None]) -> None:
        """From now on, a signal does nothing but call this, whatever has come before."""
        for number in self._before.keys() & _EXIT_CODES.keys():
            signal.signal(number, lambda *_: call())

    def cancel(self) -> None:
        """Stop what the main thread does, as SIGTERM would, but without its hurry. For any thread."""
        self._cancelled = True
        self._waker.call()

    def _hear_dropped(self, dropped: UnraisableHookArgs) -> None:
        """Python drops what is raised in a callback of its own, such as those at the end of each import."""
        if not isinstance(dropped.exc_value, Interrupted):
            self._hook(dropped)
            return
        with suppress(RuntimeError):  # the system allows no thread
            again = threading.Timer(_AGAIN, self._raise_again, [dropped.exc_value])
            again.daemon = True
            again.start()

    def _raise_again(self, interrupted: Interrupted) -> None:
        self._dropped = interrupted
        self._waker.call()

    def _heed_call(self) -> None:
        if self._over:
            return
        dropped, self._dropped = self._dropped, None
        if dropped is not None:
            self._hand_over(dropped)
        elif self._cancelled and not self._seen:  # else it stops already
            if self.asker is not None:
                self.asker.withdraw()
            self._seen = True
            self._hand_over(Interrupted(ExitCode.SIGTERM, cancelled=True))

    def _handle(self, number: int, _: FrameType | None) -> None:
        code = _EXIT_CODES[signal.Signals(number)]
        if self._seen:
            self._leave(code)
            return
        if self.asker is not None:
            if code is ExitCode.SIGINT and self.asker.ask():
                return
            self.asker.withdraw()
        self._seen = True
        if code is ExitCode.SIGTERM and self.patience is not None:
            self._leave_later(code, self.patience)
        self._hand_over(Interrupted(code))

    def _hand_over(self, interrupted: Interrupted) -> None:
        if self._deliver is not None:
            self._deliver(interrupted)
        elif self._holds:
            self._early = interrupted
        else:
            raise interrupted

    def heed(self, interrupted: Interrupted) -> None:
        """Deliver a signal that was asked about. For any thread."""
        self._seen = True
        if self._deliver is not None:
            self._deliver(interrupted)

    def _leave_later(self, code: ExitCode, seconds: float) -> None:
        """End the process after so many seconds, whatever the main thread waits for then."""
        self._alarm = threading.Timer(seconds, self._leave, [code])
        self._alarm.daemon = True
        try:
            self._alarm.start()
        except RuntimeError:  # the system allows no thread: the main thread itself must do it
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, lambda *_: self._leave(code))
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _leave(self, code: ExitCode) -> None:
        """End the process, unless all is done."""
        with self._leaving:
            if self._over:
                return
            with suppress(OSError):  # nobody reads it
                if os.isatty(2):  # which shows ^C on the line of the cursor
                    os.write(2, b"\n")
                os.write(2, self.last_words.encode(errors="replace"))
            with suppress(Exception):
                self.last_act()
            os._exit(code)


class _Holding(AbstractContextManager[None]):
    """A context in which signals are held back, or are not."""

    def __init__(self, stops: Stops, holds: bool) -> None:
        self._stops = stops
        self._holds = self._before = holds

    def __enter__(self) -> None:
        self._before, self._stops._holds = self._stops._holds, self._holds
        if not self._holds:
            self._stops.check()

    def __exit__(self, _: object, error: object, __: object) -> None:
        self._stops._holds = self._before
        if not self._before and error is None:
            self._stops.check()


def _tell_soon(interrupted: Interrupted) -> None:
    """Tell in a thread, as the main thread may be in the middle of writing to the log."""
    with suppress(RuntimeError):  # the system allows none
        threading.Thread(target=_tell, args=(interrupted,), daemon=True).start()


def _tell(interrupted: Interrupted) -> None:
    import logging  # slow to import, and --help does not need it

    log = logging.getLogger(__name__)
    log.warning("%s: only the clean-up is left, which goes on; a second signal leaves at once", interrupted.name)


FOREVER = 86400.0  # s; no bound of its own: each wait of the clean-up has one
SHARE_OF_LOGS = 0.75  # of the time after SIGTERM; the rest is for the clean-up


class StopPolicy(NamedTuple):
    """What follows a signal: the jobs go on (`detach`), or they are terminated, and `grace` seconds are for their logs.

    After SIGTERM, SIGKILL is to be expected, so everything must end within the `grace` seconds.
    """

    detach: bool
    grace: float
    local: bool = False  # the jobs end with the command, and cannot go on

    def detaches(self, interrupted: Interrupted) -> bool:
        """Whether the jobs are left running: always after SIGHUP, as a lost session is no wish to stop them."""
        left = self.detach or interrupted.leaves_jobs or interrupted.exit_code is ExitCode.SIGHUP
        return left and not interrupted.cancelled and not self.local

    def logs_until(self, interrupted: Interrupted) -> float:
        """Until when (time.monotonic()) to wait for logs."""
        share = SHARE_OF_LOGS if interrupted.is_hurried else 1.0
        return interrupted.at + share * self.grace

    def clean_up_seconds(self, interrupted: Interrupted | None) -> float:
        """For how many seconds the run may clean up. A new start removes what is left then."""
        if interrupted is None or not interrupted.is_hurried:
            return FOREVER
        return max(interrupted.at + self.grace - time.monotonic(), 0.0)
