"""The main thread, in which alone Python handles signals: however it waits, it is woken by one.

The system gives a signal to any thread. If that is another, the wait of the main thread does not end, and the signal is
not handled before it does.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

CALL = signal.SIGURG  # which nobody else sends, and which is ignored without a handler
AGAIN = 0.05  # s until the main thread is called again: a call just before it begins to wait does not end that
LEAVING = 1.0  # s that the thread gets to end


class Waker:
    """Wakes the main thread for each signal, from when it is made until it is closed. Both for that thread alone."""

    def __init__(self, called: Callable[[], None]) -> None:
        """`called` is what the main thread does whenever it is woken."""
        self._called = called
        self._heeded = threading.Event()  # the main thread has come
        self._is_closed = False
        self._handler = signal.signal(CALL, self._heed)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)  # as set_wakeup_fd wants
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._pass_on, name="signals", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system allows none: a signal may have to wait
            self._unset()
            os.close(self._reader)

    def call(self) -> None:
        """Wake the main thread. For any thread."""
        if self._thread.ident is None:
            _call()
        elif not self._is_closed:
            with suppress(BlockingIOError):  # it is being woken for thousands of signals
                os.write(self._writer, bytes([0]))

    def close(self) -> None:
        """Wake it no more."""
        self._is_closed = True
        self._heeded.set()
        if self._thread.ident is not None:
            self._unset()
            self._thread.join(LEAVING)
        signal.signal(CALL, self._handler)

    def _unset(self) -> None:
        signal.set_wakeup_fd(self._before)
        os.close(self._writer)

    def _heed(self, *_: object) -> None:
        self._heeded.set()
        self._called()

    def _pass_on(self) -> None:
        """Call the main thread for each signal but the call itself, and tell who was told of them before."""
        while numbers := os.read(self._reader, 64):
            if self._before >= 0:
                with suppress(OSError):  # it is closed, or full
                    os.write(self._before, numbers.replace(bytes([0]), b""))
            if numbers.strip(bytes([CALL])):
                self._heeded.clear()
                _call()
                while not self._is_closed and not self._heeded.wait(AGAIN):
                    _call()
        os.close(self._reader)


def _call() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, CALL)
