"""Threads that nobody waits for longer than he likes: a request may never get an answer."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jobbag.errors import Cancelled, ToolError

if TYPE_CHECKING:
    from typing_extensions import Self

M_ARENA_MAX, HEAPS = -8, 2  # of glibc's mallopt: how many heaps all threads share
M_MMAP_THRESHOLD, LARGE = -3, 2 * 1024**2  # bytes: what is as large is in no heap, and given back when it is freed
M_TRIM_THRESHOLD, FREE = -1, 16 * 1024**2  # bytes free at the end of a heap that are kept for the next file
HEED = 0.5  # s after which a waiting thread looks whether there was a signal
LEAVING = 5.0  # s that the requests under way get when a worker is to end

Item = TypeVar("Item")
Failed = Callable[[str, BaseException], None]  # the name of a worker, and the error that ended it


def start(threads: Sequence[threading.Thread]) -> list[threading.Thread]:
    """Start as many of the threads as the system allows; gives those. Raises ToolError if it allows none."""
    started = []
    for thread in threads:
        try:
            thread.start()
        except RuntimeError:  # "can't start new thread"
            break
        started.append(thread)
    if threads and not started:
        raise ToolError("the system allows no new thread: fewer processes may help, or a higher limit (ulimit -u)")
    return started


def next_of(items: queue.SimpleQueue[Item], seconds: float | None = None) -> Item:
    """The next item, which is waited for so many seconds at most. Raises queue.Empty, and what a signal raises.

    Python handles signals in the main thread alone, whose wait does not end by one that the system gave to another.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        left = HEED if deadline is None else max(deadline - time.monotonic(), 0.0)
        try:
            return items.get(timeout=min(left, HEED))
        except queue.Empty:
            if left <= HEED and deadline is not None:
                raise


def share_heaps() -> None:
    """Save memory where glibc is: it gives each thread a heap of its own, in which it keeps what is freed; and among
    it, after a while, what the tables of a hundred thousand jobs were before they grew."""
    with suppress(ImportError, OSError, AttributeError):  # another C library, or a Python without ctypes
        import ctypes

        glibc = ctypes.CDLL(None)
        glibc.mallopt(M_ARENA_MAX, HEAPS)
        glibc.mallopt(M_MMAP_THRESHOLD, LARGE)
        glibc.mallopt(M_TRIM_THRESHOLD, FREE)


def join(threads: Sequence[threading.Thread], seconds: float | None) -> bool:
    """Wait until all threads have ended, so many seconds at most; whether they have."""
    deadline = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.join(None if deadline is None else max(deadline - time.monotonic(), 0.0))
    return not any(thread.is_alive() for thread in threads)


class Worker:
    """Work beside the main thread, in threads of its own, which end with the process.

    A context manager: leaving it ends the work, for whose requests under way it waits a moment. What one thread does
    is `work`, which ends when `stopped` is set, or with Cancelled. Any other error of it is told to `failed`.
    """

    name = "worker"  # of its threads, and in messages
    count = 1  # threads
    leaving = LEAVING  # s that it waits for the requests under way

    def __init__(self, failed: Failed) -> None:
        self.stopped = threading.Event()
        self._failed = failed
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        threads = [threading.Thread(target=self._run, name=self.name, daemon=True) for _ in range(self.count)]
        self._threads = start(threads)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, seconds: float | None = None) -> None:
        """End the work, and wait for the threads: `seconds` at most, or as long as such a worker is waited for."""
        self.stopped.set()
        join(self._threads, self.leaving if seconds is None else seconds)

    def work(self) -> None:
        """What one thread does."""
        raise NotImplementedError

    def _run(self) -> None:
        try:
            self.work()
        except Cancelled:
            return
        except BaseException as error:
            self._failed(self.name, error)


class DaemonPool:
    """A concurrent.futures.Executor, as far as one is needed. Its threads end with the process.

    Where the system allows no more threads, it goes on with those that there are; without any, with the caller's.
    """

    def __init__(self, max_workers: int) -> None:
        self._most = max_workers
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._count = 0  # threads, with the one that is starting
        self._idle = 0  # threads that wait for work
        self._is_starting = False  # one more

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
        self._grow()
        while not self._count:  # the system allows none
            try:
                waiting = self._work.get_nowait()
            except queue.Empty:
                break
            if waiting is not None:
                waiting()
        return future

    def _grow(self) -> None:
        """Start one more thread, if there is work and nobody for it. That one does the same when it has begun: a start
        takes long where other threads compute, and who submits much would wait for each."""
        with self._lock:
            if self._work.empty() or self._idle or self._is_starting or self._count >= self._most:
                return
            self._is_starting = True
            self._count += 1
        try:
            self._threads += start([threading.Thread(target=self._serve, daemon=True)])
        except ToolError:
            with self._lock:
                self._is_starting = False
                self._count -= 1

    def _serve(self) -> None:
        self._is_starting = False
        while (work := self._next()) is not None:
            self._grow()
            work()
            del work  # and what it was given, which may be large, while the next is waited for
        self._work.put(None)  # for the others

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            self._idle += 1
        try:
            return self._work.get()
        finally:
            with self._lock:
                self._idle -= 1

    def shutdown(self, wait: bool = True) -> None:
        """Take no more work, and end when all is done."""
        self.close(None if wait else 0.0)

    def close(self, seconds: float | None) -> bool:
        """The same, waiting for so many seconds at most; whether all is done."""
        self._work.put(None)
        return join(self._threads, seconds)


Result = TypeVar("Result")


def in_time(call: Callable[[], Result], seconds: float) -> Result:
    """The result of a call. Raises TimeoutError after so many seconds, when its thread is left to itself.

    Where the system allows no thread, nobody watches over the time.
    """
    pool = DaemonPool(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    if not wait([future], seconds).done:
        raise TimeoutError
    result: Result = future.result()
    return result


class DueQueue(Generic[Item]):
    """Items, each with the time (time.monotonic(), s) before which nobody gets it. Safe to share."""

    def __init__(self) -> None:
        self._dues: list[float] = []  # a heap
        self._items: dict[float, list[Item]] = {}  # by these times: of a hundred thousand, most have one of few
        self._changed = threading.Condition()
        self._closed = False

    def put(self, due: float, item: Item) -> None:
        """Add an item."""
        with self._changed:
            if due not in self._items:
                self._items[due] = []
                heapq.heappush(self._dues, due)
            self._items[due].append(item)
            self._changed.notify()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in it."""
        return not self._dues

    def get(self) -> Item | None:
        """The next item, once it is due; None when the queue is closed."""
        items = self.get_all(1)
        return items[0] if items else None

    def get_all(self, most: int) -> list[Item]:
        """The items that are due, `most` at most, once there is one; none when the queue is closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                due: list[Item] = []
                while self._dues and self._dues[0] <= now and (room := most - len(due)):
                    first = self._items[self._dues[0]]
                    due += first[:room]
                    del first[:room]
                    if not first:
                        del self._items[heapq.heappop(self._dues)]
                if due:
                    return due
                self._changed.wait(self._dues[0] - now if self._dues else None)
            return []

    def close(self) -> list[Item]:
        """Let nobody wait any more; gives the items that nobody got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = [item for due in sorted(self._items) for item in self._items[due]]
            self._dues.clear()
            self._items.clear()
            return left
