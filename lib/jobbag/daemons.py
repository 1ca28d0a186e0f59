"""Threads that nobody waits for longer than he likes: a request may never get an answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from s3transfer.futures import BaseExecutor

LEAVING = 5.0  # s that the requests under way get when a worker is to end


def join(threads: Sequence[threading.Thread], seconds: float | None) -> bool:
    """Wait until all threads have ended, so many seconds at most; whether they have."""
    deadline = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.join(None if deadline is None else max(deadline - time.monotonic(), 0.0))
    return not any(thread.is_alive() for thread in threads)


class DaemonPool(BaseExecutor):
    """A concurrent.futures.Executor, as far as s3transfer needs one. Its threads end with the process."""

    def __init__(self, max_workers: int) -> None:
        self._most = max_workers
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(self, call: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Call it soon, in one of the threads."""
        future: Future[Any] = Future()

        def work() -> None:
            try:
                result = call(*args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._work.put(work)
        with self._lock:
            if len(self._threads) < self._most:
                self._threads.append(threading.Thread(target=self._serve, daemon=True))
                self._threads[-1].start()
        return future

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
        self._work.put(None)  # for the others

    def shutdown(self, wait: bool = True) -> None:
        """Take no more work, and end when all is done."""
        self.close(None if wait else 0.0)

    def close(self, seconds: float | None) -> bool:
        """The same, waiting for so many seconds at most; whether all is done."""
        self._work.put(None)
        return join(self._threads, seconds)
