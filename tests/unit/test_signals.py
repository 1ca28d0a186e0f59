"""SIGINT, SIGTERM and SIGHUP."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from helpers.terminal import Terminal
from jobbag.errors import ExitCode, Interrupted
from jobbag.signals import Signals, StopPolicy, Stops

LIB = Path(__file__).parents[2] / "lib"
ALL = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", ALL, ids=lambda number: number.name)
def test_a_signal_is_an_exception_and_leaves_no_trace(number: signal.Signals) -> None:
    before = [sys.unraisablehook, *(signal.getsignal(one) for one in ALL)]
    with pytest.raises(Interrupted) as caught, Signals():
        signal.raise_signal(number)
    assert caught.value.exit_code == ALL[number]
    assert [sys.unraisablehook, *(signal.getsignal(one) for one in ALL)] == before


class Dying:
    """Python drops what is raised at its end, as at that of an import."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_python_drops_is_raised_again() -> None:
    def die_and_wait() -> None:
        Dying()
        threading.Event().wait(20)

    with pytest.raises(Interrupted) as caught, Signals():
        die_and_wait()
    assert caught.value.exit_code == 143


def whole(passed: list[str], when: str) -> None:
    """What must have a whole beginning and end, with a signal meanwhile."""

    def passes(what: str) -> None:
        if what == when:
            signal.raise_signal(signal.SIGTERM)
        passed.append(what)

    with Signals() as signals, signals.held_back():
        try:
            passes("beginning")
            with signals.let_through():
                passes("middle")
        finally:
            passes("end")


@pytest.mark.parametrize(
    ("when", "wanted"),
    [
        ("beginning", ["beginning", "end"]),
        ("middle", ["beginning", "end"]),
        ("end", ["beginning", "middle", "end"]),
    ],
)
def test_a_signal_cuts_nothing_short_where_it_is_held_back(when: str, wanted: list[str]) -> None:
    passed: list[str] = []
    with pytest.raises(Interrupted) as caught:
        whole(passed, when)
    assert (caught.value.exit_code, passed) == (143, wanted)


def test_a_signal_that_is_held_back_hides_no_error() -> None:
    def fail() -> None:
        with Signals() as signals, signals.held_back():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()


@pytest.mark.parametrize("number", ALL, ids=lambda number: number.name)
def test_a_signal_is_handed_over_where_that_is_wanted(number: signal.Signals) -> None:
    got: list[Interrupted] = []
    with Signals() as signals:
        signals.deliver_to(got.append)
        signal.raise_signal(number)
        assert [one.exit_code for one in got] == [ALL[number]]


class Asker:
    """Somebody who is asked, or is asked already."""

    def __init__(self, *, can_ask: bool) -> None:
        self._can_ask = can_ask
        self.withdrawn = 0

    def ask(self) -> bool:
        return self._can_ask

    def withdraw(self) -> None:
        self.withdrawn += 1


@pytest.mark.parametrize("can_ask", [True, False])
@pytest.mark.parametrize("number", ALL, ids=lambda number: number.name)
def test_only_sigint_is_asked_about(number: signal.Signals, can_ask: bool) -> None:
    got: list[Interrupted] = []
    with Signals() as signals:
        signals.deliver_to(got.append)
        signals.asker = asker = Asker(can_ask=can_ask)
        signal.raise_signal(number)
        waits = number is signal.SIGINT and can_ask
        assert (len(got), asker.withdrawn) == ((0, 0) if waits else (1, 1))


def test_what_was_asked_about_counts_as_the_first_signal() -> None:
    code = (
        "import signal\n"
        "from jobbag.errors import ExitCode, Interrupted\n"
        "from jobbag.signals import Signals\n"
        "with Signals() as signals:\n"
        "    signals.last_words = 'come back'\n"
        "    signals.deliver_to(lambda one: print(one.exit_code.name, flush=True))\n"
        "    signals.heed(Interrupted(ExitCode.SIGINT))\n"
        "    signal.raise_signal(signal.SIGINT)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"SIGINT\n", b"come back")


@pytest.mark.parametrize("number", ALL, ids=lambda number: number.name)
def test_a_signal_that_has_nothing_to_cut_short_is_told(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Signals() as signals:
        before = set(threading.enumerate())
        signals.only_tell()
        signal.raise_signal(number)
        for thread in set(threading.enumerate()) - before:
            thread.join(20)
        (told,) = caplog.messages
    assert told.startswith(f"{number.name}: only the clean-up is left")


def test_a_cancel_from_any_thread_stops_the_main_one() -> None:
    with Signals() as signals:
        signal.raise_signal(signal.SIGURG)  # by itself it is nothing
        thread = threading.Thread(target=signals.cancel)
        with pytest.raises(Interrupted) as caught:  # noqa: PT012
            thread.start()
            threading.Event().wait(20)
        thread.join()
        assert (caught.value.cancelled, caught.value.exit_code, caught.value.name) == (True, 143, "--cancel")


def test_a_cancel_is_no_second_signal() -> None:
    got: list[Interrupted] = []
    with Signals() as signals:
        signals.deliver_to(got.append)
        signal.raise_signal(signal.SIGINT)
        signals.cancel()
        assert [one.name for one in got] == ["SIGINT"]


def test_a_cancel_is_in_no_hurry_and_leaves_no_job_alone() -> None:
    cancelled = Interrupted(ExitCode.SIGTERM, cancelled=True)
    policy = StopPolicy(detach=True, grace=8.0)
    assert not policy.detaches(cancelled)
    assert policy.logs_until(cancelled) == cancelled.at + 8
    assert policy.clean_up_seconds(cancelled) > 1000


def test_no_job_is_left_to_go_on_that_ends_with_the_command() -> None:
    hangup = Interrupted(ExitCode.SIGHUP)
    assert StopPolicy(detach=False, grace=8.0).detaches(hangup)
    assert not StopPolicy(detach=True, grace=8.0, local=True).detaches(hangup)


def test_no_handler_for_errors_takes_it_for_one() -> None:
    assert not issubclass(Interrupted, Exception)


@pytest.mark.parametrize(("first", "second", "status"), [("SIGINT", "SIGINT", 130), ("SIGINT", "SIGTERM", 143)])
def test_a_second_signal_leaves_at_once_with_a_last_word(first: str, second: str, status: int) -> None:
    code = (
        "import signal\n"
        "from jobbag.errors import Interrupted\n"
        "from jobbag.signals import Signals\n"
        "with Signals() as signals:\n"
        "    signals.last_words = 'come back'\n"
        "    try:\n"
        f"        signal.raise_signal(signal.{first})\n"
        "    except Interrupted:\n"
        f"        signal.raise_signal(signal.{second})\n"
        "    print('too late')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"come back")


def test_the_last_word_has_a_line_of_its_own_on_a_terminal(tmp_path: Path) -> None:
    code = (
        "import signal, sys\n"
        "from jobbag.signals import Signals\n"
        "with Signals() as signals:\n"
        "    signals.last_words = 'come back'\n"
        "    sys.stderr.write('the end of a display')\n"
        "    sys.stderr.flush()\n"
        "    signals.deliver_to(lambda _: None)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    with Terminal([sys.executable, "-c", code], env=environment, cwd=tmp_path) as terminal:
        assert terminal.end() == 130
        assert terminal.screen == ["the end of a display", "come back"]


def test_some_time_after_sigterm_it_leaves_by_itself() -> None:
    """Whatever it waits for; a thread of a pool that hangs too."""
    code = (
        "import signal, threading\n"
        "from jobbag.signals import Signals\n"
        "with Signals() as signals:\n"
        "    signals.last_words, signals.patience = 'come back', 0.2\n"
        "    signals.deliver_to(lambda _: None)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    threading.Event().wait()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, b"", b"come back")


def no_thread(_: threading.Thread) -> None:
    """In the place of Thread.start, where the system allows none."""
    raise RuntimeError("can't start new thread")


def test_some_time_after_sigterm_it_leaves_by_itself_without_a_thread() -> None:
    code = (
        "import signal, threading\n"
        "from jobbag.signals import Signals\n"
        "from unit.test_signals import no_thread\n"
        "threading.Thread.start = no_thread\n"
        "with Signals() as signals:\n"
        "    signals.last_words, signals.patience = 'come back', 0.2\n"
        "    signals.last_act = lambda: print('acted', flush=True)\n"
        "    signals.deliver_to(lambda _: None)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    threading.Event().wait()\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{LIB}{os.pathsep}{LIB.parent / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, b"acted\n", b"come back")


def test_who_is_done_after_sigterm_is_left_alone_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    before = signal.getsignal(signal.SIGALRM)
    with Signals() as signals:
        signals.patience = 60
        signals.deliver_to(lambda _: None)
        signal.raise_signal(signal.SIGTERM)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_after_other_signals_it_has_all_the_time(number: signal.Signals) -> None:
    with Signals() as signals:
        before = threading.active_count()
        signals.patience = 60
        signals.deliver_to(lambda _: None)
        signal.raise_signal(number)
        assert threading.active_count() == before


def test_who_is_done_after_sigterm_is_left_alone() -> None:
    with Signals() as signals:
        before = set(threading.enumerate())
        signals.patience = 60
        signals.deliver_to(lambda _: None)
        signal.raise_signal(signal.SIGTERM)
        (alarm,) = set(threading.enumerate()) - before
    alarm.join(20)
    assert not alarm.is_alive()


def test_who_leaves_after_sigterm_has_not_reached_the_end() -> None:
    """What it has said would be wrong if the journal then said that all is done."""
    code = (
        "import signal, threading\n"
        "from jobbag.signals import Signals\n"
        "leaving, done = threading.Event(), threading.Event()\n"
        "with Signals() as signals:\n"
        "    signals.last_words, signals.patience = 'come back', 0.0\n"
        "    signals.last_act = lambda: (leaving.set(), done.wait(1))\n"
        "    signals.deliver_to(lambda _: None)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    leaving.wait()\n"
        "    signals.ignore()\n"
        "    print('done', flush=True)\n"
        "    done.set()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, b"", b"come back")


def test_it_leaves_though_its_last_words_cannot_be_written() -> None:
    code = (
        "import os, signal\n"
        "from jobbag.signals import Signals\n"
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)\n"
        "with Signals() as signals:\n"
        "    signals.last_words, signals.last_act = 'come back', lambda: print('acted', flush=True)\n"
        "    signals.deliver_to(lambda _: None)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (130, b"acted\n")


@pytest.mark.parametrize("number", ALL, ids=lambda number: number.name)
def test_when_all_is_done_no_signal_counts(number: signal.Signals) -> None:
    code = (
        "import signal\n"
        "from jobbag.signals import Signals\n"
        "with Signals(for_good=True) as signals:\n"
        "    signals.last_words, signals.patience = 'come back', 60.0\n"
        "    signals.deliver_to(lambda _: None)\n"
        f"    signal.raise_signal(signal.{number.name})\n"
        "    signals.ignore()\n"
        f"    signal.raise_signal(signal.{number.name})\n"
        f"signal.raise_signal(signal.{number.name})\n"
        "print('done')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")


def test_what_stops_a_run_without_signals_waits_for_who_listens() -> None:
    got: list[Interrupted] = []
    stops = Stops()
    stops.check()
    stops.cancel()
    with pytest.raises(Interrupted) as caught:
        stops.check()
    assert (caught.value.cancelled, caught.value.exit_code) == (True, ExitCode.SIGTERM)
    stops.deliver_to(got.append)
    stops.check()
    stops.stop(Interrupted(ExitCode.SIGINT))
    stops.only_tell()
    stops.stop(Interrupted(ExitCode.SIGHUP))
    assert [one.exit_code for one in got] == [ExitCode.SIGTERM, ExitCode.SIGINT]
    called: list[bool] = []
    stops.only_call(lambda: called.append(True))
    stops.stop(Interrupted(ExitCode.SIGINT))
    stops.ignore()
    stops.cancel()
    assert called == [True]
