"""Runs of a program: the examples of docs/api.md, and that its process stays as it is."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from helpers.remembered import remember_moto
from helpers.waiting import wait_until
from jobbag import api

from .commands import test_run_bag as of_a_run
from .commands.test_run_bag import Desk

desk = of_a_run.desk  # the fixture
_in_haste = of_a_run._in_haste

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ON_AWS: dict[str, Any] = {"job_queue": "q", "job_definition": "d", "s3": "s3://bucket/run"}


def play(block: str, names: dict[str, Any]) -> None:
    """Do what an example says; it prints what stands behind the lines that print."""
    with redirect_stdout(io.StringIO()) as out:
        exec(compile(block, "docs/api.md", "exec"), names)
    assert out.getvalue().splitlines() == re.findall(r"\)  # (.*)$", block, re.MULTILINE)


def test_the_examples_with_the_embedded_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember_moto()
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = [block for block in BLOCKS if "submit(" not in block]
    assert len(blocks) == len(BLOCKS) - 1 == 5
    for block in blocks:
        play(block, names)


@pytest.mark.usefixtures("desk")
def test_the_example_of_a_run_that_is_left_and_collected() -> None:
    (block,) = (block for block in BLOCKS if "submit(" in block)
    play(block, {"api": api})
    with pytest.raises(api.InputError, match="there is no unfinished run to collect"):
        api.collect(api.Bag([api.Job("later", "echo", ["done"])], "later"), **ON_AWS)


def state_of_process() -> list[object]:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGURG)]
    mask = os.umask(0)
    os.umask(mask)
    return [dict(os.environ), handlers, Path.cwd(), mask, [*logging.getLogger().handlers]]


@pytest.mark.usefixtures("desk")
def test_a_run_in_any_thread_says_nothing_and_leaves_the_process_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    found: list[api.Summary] = []

    def work() -> None:
        bag = api.Bag([api.Job("good", "true"), api.Job("bad", "false")])
        found.append(api.run(bag, on_event=threads.append, on_end="echo x; exit 1", **ON_AWS))

    threads: list[api.Event] = []
    before = state_of_process()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [one.verdict for one in found[0].jobs] == [api.Verdict.SUCCEEDED, api.Verdict.FAILED]
    assert {type(event) for event in threads} == {api.Submitted, api.StateChanged, api.LogsWritten}
    assert state_of_process() == before
    assert capfd.readouterr() == ("", "")


def test_a_callback_that_fails_breaks_the_run_off_and_the_same_call_goes_on(desk: Desk) -> None:
    def fail(event: api.Event) -> None:
        if isinstance(event, api.Submitted):
            raise ValueError("not today")

    bag = api.Bag([api.Job("one", "echo", ["x"]), api.Job("two", "true")])
    with pytest.raises(api.CallbackError, match="on_event raised ValueError: not today") as caught:
        api.run(bag, on_event=fail, summary="s.json", **ON_AWS)
    assert isinstance(caught.value.__cause__, ValueError)
    assert api.Summary.read("s.json").errors == ("on_event raised ValueError: not today",)
    assert api.run(bag, **ON_AWS).succeeded
    assert desk.sent == {"one": 1, "two": 1}


@pytest.mark.usefixtures("desk")
def test_signals_are_heeded_where_that_is_asked_for() -> None:
    def stop(event: api.Event) -> None:
        if isinstance(event, api.Submitted):
            signal.raise_signal(signal.SIGTERM)

    summary = api.run(api.Bag([api.Job("one", "sleep", [1000])]), on_event=stop, handle_signals=True, **ON_AWS)
    assert (summary.exit_status, summary.signal, summary["one"].succeeded) == (143, "SIGTERM", False)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "send",
    [
        lambda number: os.kill(os.getpid(), number),
        lambda number: signal.pthread_kill(threading.get_ident(), number),  # as the system may do by itself
    ],
    ids=["to the process", "to another thread"],
)
def test_a_keyboard_interrupt_terminates_the_jobs_and_collects_their_output(send: Callable[[int], None]) -> None:
    def interrupt() -> None:
        wait_until(lambda: Path("begun").exists())
        send(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    begun = Path("begun").absolute()
    bag = api.Bag([api.Job("one", "sh", ["-c", f"echo x; touch {begun}; exec sleep 1000"])])
    with pytest.raises(KeyboardInterrupt):
        api.run(bag, no_records=True, summary="s.json", **ON_AWS)
    thread.join()
    summary = api.Summary.read("s.json")
    assert (summary.exit_status, summary.signal, summary.counts.stopped) == (130, "SIGINT", 1)
    assert Path("one.out").read_text() == "x\n"
