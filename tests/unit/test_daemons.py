"""Threads that nobody waits for longer than he likes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jobbag.daemons import DaemonPool, join

LIB = Path(__file__).parents[2] / "lib"


def test_it_calls_and_gives_what_comes_of_it() -> None:
    pool = DaemonPool(2)
    assert [pool.submit(divmod, 7, n).result(20) for n in (2, 3)] == [(3, 1), (2, 1)]
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(20)
    pool.shutdown()


def test_as_many_at_once_as_it_is_told() -> None:
    pool, both = DaemonPool(2), threading.Barrier(2, timeout=20)
    together = [pool.submit(both.wait) for _ in range(4)]
    assert sorted(one.result(20) for one in together) == [0, 0, 1, 1]
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
        "from jobbag.daemons import DaemonPool\n"
        "started = threading.Event()\n"
        "pool = DaemonPool(2)\n"
        "pool.submit(lambda: (started.set(), threading.Event().wait()))\n"
        "started.wait()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
