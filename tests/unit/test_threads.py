"""Threads that nobody waits for longer than he likes, and the queue between them."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.waiting import wait_until
from jobbag import threads
from jobbag.errors import Cancelled, ToolError
from jobbag.threads import DaemonPool, DueQueue, Worker, in_time, join, next_of, share_heaps

LIB = Path(__file__).parents[2] / "lib"


@pytest.mark.parametrize("libc", [SimpleNamespace(), None])
def test_a_c_library_without_such_heaps_is_fine(libc: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", libc and SimpleNamespace(CDLL=lambda _: libc))
    share_heaps()


def test_the_next_item_is_waited_for_as_long_as_is_said() -> None:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    with pytest.raises(queue.Empty):
        next_of(items, 0.0)
    items.put(1)
    assert next_of(items, 0.0) == 1
    threading.Thread(target=items.put, args=(2,)).start()
    assert next_of(items) == 2


def test_who_waits_for_an_item_heeds_a_signal_that_another_thread_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "HEED", 0.01)

    def heed(*_: object) -> None:
        raise InterruptedError

    def wait_with(other: ThreadPoolExecutor, seconds: float | None) -> None:
        other.submit(lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR2))
        next_of(queue.SimpleQueue(), seconds)

    before = signal.signal(signal.SIGUSR2, heed)
    try:
        for seconds in (None, 60.0):
            with ThreadPoolExecutor(1) as other, pytest.raises(InterruptedError):
                wait_with(other, seconds)
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_it_calls_and_gives_what_comes_of_it() -> None:
    pool = DaemonPool(2)
    assert [pool.submit(divmod, 7, n).result(20) for n in (2, 3)] == [(3, 1), (2, 1)]
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(20)
    pool.shutdown()


def test_while_it_waits_for_work_it_holds_on_to_nothing() -> None:
    pool, large = DaemonPool(1), threading.Event()
    held = weakref.ref(large)
    pool.submit(large.is_set).result(20)
    del large
    wait_until(lambda: held() is None, what="the end of it")
    pool.shutdown()


def test_as_many_at_once_as_it_is_told() -> None:
    pool, all_five = DaemonPool(5), threading.Barrier(5, timeout=20)
    together = [pool.submit(all_five.wait) for _ in range(10)]
    assert sorted(one.result(20) for one in together) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    pool.shutdown()


def test_what_comes_later_finds_a_thread_although_the_others_hang() -> None:
    pool, hang = DaemonPool(3), threading.Event()
    hanging = []
    for _ in range(2):
        hanging.append(pool.submit(hang.wait))
        assert pool.submit(divmod, 7, 2).result(20) == (3, 1)
    hang.set()
    assert all(one.result(20) for one in hanging)
    pool.shutdown()


def test_a_shutdown_lets_all_be_done() -> None:
    pool = DaemonPool(1)
    done: list[int] = []
    for number in range(100):
        pool.submit(done.append, number)
    pool.shutdown()
    assert done == list(range(100))


def test_what_hangs_is_not_waited_for() -> None:
    pool, hang = DaemonPool(1), threading.Event()
    hanging = pool.submit(hang.wait)
    assert not pool.close(0.01)
    hang.set()
    hanging.result(20)
    assert pool.close(20)


def test_joining_tells_whether_all_have_ended() -> None:
    go = threading.Event()
    threads = [threading.Thread(target=go.wait, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert not join(threads, 0.0)
    go.set()
    assert join(threads, 20)
    assert join(threads, None)


def test_the_process_ends_all_the_same() -> None:
    code = (
        "import threading\n"
        "from jobbag.threads import DaemonPool\n"
        "started = threading.Event()\n"
        "pool = DaemonPool(2)\n"
        "pool.submit(lambda: (started.set(), threading.Event().wait()))\n"
        "started.wait()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


LONG = 60.0  # s; no test waits for it


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_the_earliest_comes_first_and_equals_keep_their_order(dues: list[int], most: int) -> None:
    due_queue: DueQueue[tuple[int, int]] = DueQueue()
    items = [(due, number) for number, due in enumerate(dues)]
    for item in items:
        due_queue.put(float(item[0]) - 10, item)
    got: list[tuple[int, int]] = []
    while not due_queue.is_empty:
        together = due_queue.get_all(most)
        assert len(together) == min(most, len(items) - len(got))
        got += together
    assert got == sorted(items)


def test_an_item_is_not_given_out_before_it_is_due() -> None:
    due_queue: DueQueue[str] = DueQueue()
    due = time.monotonic() + 0.15
    due_queue.put(due, "later")
    assert due_queue.get() == "later"
    assert time.monotonic() >= due


def test_an_earlier_item_overtakes_one_that_is_waited_for() -> None:
    due_queue: DueQueue[str] = DueQueue()
    due_queue.put(time.monotonic() + LONG, "late")
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(due_queue.get)
        due_queue.put(0.0, "now")
        assert got.result(10) == "now"


def test_each_item_goes_to_one_thread() -> None:
    due_queue: DueQueue[int] = DueQueue()
    got: list[int] = []

    def work() -> None:
        while (item := due_queue.get()) is not None:
            got.append(item)
            if len(got) == 200:
                due_queue.close()

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(work) for _ in range(4)]
        for number in range(200):
            due_queue.put(time.monotonic() + number % 7 / 100, number)
        for one in done:
            one.result(20)
    assert sorted(got) == list(range(200))


def test_no_caller_does_the_work_while_the_first_thread_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be one more at work than there may be threads."""
    pool, begun, gate = DaemonPool(1), threading.Event(), threading.Event()
    submitted: list[Future[int]] = []

    def first() -> None:
        begun.set()
        gate.wait(20)

    def slow_start(ones: Sequence[threading.Thread]) -> list[threading.Thread]:
        found = really_start(ones)
        assert begun.wait(20)
        submitted.append(pool.submit(threading.get_ident))
        gate.set()
        return found

    really_start = threads.start
    monkeypatch.setattr(threads, "start", slow_start)
    pool.submit(first)
    assert submitted[0].result(20) != threading.get_ident()
    pool.shutdown()


def test_a_pool_has_never_more_threads_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while the start of one takes long, and that one has begun to work already."""
    begin, main, went = threads.start, threading.current_thread(), threading.Event()
    seen: list[threading.Thread] = []

    def start(new: Sequence[threading.Thread]) -> list[threading.Thread]:
        started = begin(new)
        if threading.current_thread() is main:
            assert went.wait(10)
        return started

    def work() -> None:
        seen.append(threading.current_thread())
        if len(seen) == 1:
            pool.submit(work)
            went.set()

    monkeypatch.setattr(threads, "start", start)
    pool = DaemonPool(1)
    pool.submit(work)
    pool.shutdown()
    assert len(seen) == 2
    assert len(set(seen)) == 1


@given(st.lists(st.booleans()), st.integers(1, 5))
def test_all_that_is_due_comes_together_up_to_a_limit(due: list[bool], most: int) -> None:
    due_queue: DueQueue[int] = DueQueue()
    for number, now in enumerate(due):
        due_queue.put(0.0 if now else time.monotonic() + LONG, number)
    wanted = [number for number, now in enumerate(due) if now]
    while wanted:
        assert due_queue.get_all(most) == wanted[:most]
        wanted = wanted[most:]
    due_queue.close()
    assert due_queue.get_all(most) == []


def test_closing_lets_nobody_wait() -> None:
    due_queue: DueQueue[str] = DueQueue()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(due_queue.get) for _ in range(2)]
        due_queue.put(time.monotonic() + LONG, "never")
        waiting.append(pool.submit(due_queue.get))
        due_queue.close()
        assert [one.result(10) for one in waiting] == [None] * 3
    assert due_queue.get() is None


def test_all_waiting_threads_get_work_when_it_comes_at_once() -> None:
    due_queue: DueQueue[int] = DueQueue()
    together = threading.Barrier(3, timeout=10)

    def work() -> None:
        assert due_queue.get() is not None
        together.wait()  # passes only if the others got theirs while this one is busy

    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(work) for _ in range(3)]
        soon = time.monotonic() + 0.05
        for number in range(3):
            due_queue.put(soon, number)
        for one in done:
            one.result(20)


def test_closing_gives_what_nobody_got() -> None:
    due_queue: DueQueue[str] = DueQueue()
    due_queue.put(time.monotonic() + LONG, "late")
    due_queue.put(0.0, "now")
    assert due_queue.close() == ["now", "late"]
    assert due_queue.close() == []


# -- workers


class Counter(Worker):
    """Counts as far as it is told, in so many threads."""

    name = "counter"
    count = 3

    def __init__(self, error: BaseException | None = None) -> None:
        self.failures: list[tuple[str, BaseException]] = []
        super().__init__(lambda name, error: self.failures.append((name, error)))
        self._error = error
        self.begun = threading.Semaphore(0)

    def work(self) -> None:
        self.begun.release()
        if self._error is not None:
            raise self._error
        self.stopped.wait()


def test_a_worker_works_in_its_threads_until_it_is_left() -> None:
    counter = Counter()
    with counter:
        assert all(counter.begun.acquire(timeout=LONG) for _ in range(counter.count))
    assert counter.failures == []
    assert [thread for thread in threading.enumerate() if thread.name == "counter"] == []


def test_an_error_that_a_worker_does_not_expect_is_told_with_its_name() -> None:
    error = ZeroDivisionError("by chance")
    with Counter(error) as counter:
        counter.begun.acquire(timeout=LONG)
    assert counter.failures[0] == ("counter", error)
    with Counter(Cancelled("the run is being stopped")) as counter:
        counter.begun.acquire(timeout=LONG)
    assert counter.failures == []


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads the system still allows."""
    left = [1000]
    true_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        true_start(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    return left


def test_where_the_system_allows_fewer_threads_those_do_the_work(allowed: list[int]) -> None:
    allowed[0] = 1
    with Counter() as counter:
        assert counter.begun.acquire(timeout=LONG)
        assert not counter.begun.acquire(blocking=False)
    allowed[0] = 2
    pool = DaemonPool(8)
    coming = [pool.submit(divmod, number, 2) for number in range(20)]
    assert [one.result(LONG) for one in coming] == [divmod(number, 2) for number in range(20)]
    pool.shutdown()


def test_where_the_system_allows_no_thread_that_is_an_error_for_people(allowed: list[int]) -> None:
    allowed[0] = 0
    with pytest.raises(ToolError, match="the system allows no new thread"), Counter():
        pass


def test_where_the_system_allows_no_thread_the_caller_does_the_work(allowed: list[int]) -> None:
    allowed[0] = 0
    pool = DaemonPool(2)
    assert pool.submit(divmod, 7, 2).result(LONG) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(LONG)
    pool.shutdown()
    assert in_time(lambda: divmod(7, 2), LONG) == (3, 1)


def test_what_does_not_come_in_time_is_left_to_itself() -> None:
    hang = threading.Event()
    with pytest.raises(TimeoutError):
        in_time(hang.wait, 0.01)
    hang.set()
