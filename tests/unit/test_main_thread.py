"""Signals wake the main thread, however it waits."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

import pytest

from jobbag.errors import Interrupted
from jobbag.signals import Signals

LONG = 30.0  # s; no test waits for it


def wait_and_be_told_elsewhere(wait: Callable[[], object]) -> None:
    """Wait in the main thread for a signal that another thread gets."""
    ready = threading.Event()

    def get() -> None:
        ready.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    threading.Thread(target=get).start()
    ready.set()
    wait()


@pytest.mark.parametrize(
    "wait",
    [lambda: threading.Event().wait(LONG), lambda: select.select([], [], [], LONG)],
    ids=["for a thread", "for the system"],
)
def test_a_signal_that_another_thread_gets_ends_the_wait_of_the_main_thread(wait: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(Interrupted), Signals():
        wait_and_be_told_elsewhere(wait)
    assert time.monotonic() - began < LONG / 2


def test_a_call_just_before_the_main_thread_begins_to_wait_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, kill = list[int](), signal.pthread_kill

    def lose_the_first(thread: int, number: int) -> None:
        calls.append(number)
        if calls.count(signal.SIGURG) != 1 or number != signal.SIGURG:
            kill(thread, number)

    monkeypatch.setattr(signal, "pthread_kill", lose_the_first)
    began = time.monotonic()
    with pytest.raises(Interrupted), Signals():
        wait_and_be_told_elsewhere(lambda: threading.Event().wait(LONG))
    assert time.monotonic() - began < LONG / 2


def test_who_was_told_of_signals_before_is_told_of_them_still() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer)
    try:
        with pytest.raises(Interrupted), Signals():
            signal.raise_signal(signal.SIGINT)
        assert os.read(reader, 1) == bytes([signal.SIGINT])
        assert signal.set_wakeup_fd(before) == writer
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def test_without_a_thread_signals_are_heeded_nonetheless(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Interrupted), Signals():
        signal.raise_signal(signal.SIGINT)
    assert len(os.listdir("/proc/self/fd")) == before
