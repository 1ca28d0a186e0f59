"""The main thread, in which alone Python handles signals: however it waits, it is woken by one.

The system gives a signal to any thread. If that is another, the wait of the main thread does not end, and the signal is
not handled before it does.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

CALL = signal.SIGURG  # which nobody else sends, and which is ignored without a handler
LEAVING = 1.0  # s that the thread gets to end


def call() -> None:
    """Have the main thread handle what there is to handle. For any thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, CALL)


class Waker:
    """Wakes the main thread for each signal, from when it is made until it is closed. Both for that thread alone.

    `CALL` must have a handler meanwhile.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)  # as set_wakeup_fd wants
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._pass_on, name="signals", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system allows none: a signal may have to wait
            self._unset()
            os.close(self._reader)

    def close(self) -> None:
        """Wake it no more."""
        if self._thread.ident is not None:
            self._unset()
            self._thread.join(LEAVING)

    def _unset(self) -> None:
        signal.set_wakeup_fd(self._before)
        os.close(self._writer)

    def _pass_on(self) -> None:
        """Call the main thread for each signal but the call itself, and tell who was told of them before."""
        while numbers := os.read(self._reader, 64):
            if numbers.strip(bytes([CALL])):
                call()
            if self._before >= 0:
                with suppress(OSError):  # it is closed, or full
                    os.write(self._before, numbers)
        os.close(self._reader)
