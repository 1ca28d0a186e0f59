"""The settings of a program, and how its process stays as it is."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobbag import api
from jobbag.commands import cloud, dispatch
from jobbag.commands.front import Front
from jobbag.commands.result import Result
from jobbag.errors import PROG, ExitCode, Interrupted
from jobbag.options import parser
from jobbag.options.settings import Settings
from jobbag.run.task import Task
from jobbag.signals import Signals

BAG = api.Bag([api.Job("one", "true")], "mine")
NEEDED: dict[str, Any] = {"job_queue": "q", "job_definition": "d"}


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of the runs that were asked for, none of which is made."""
    asked: list[Settings] = []

    def note(settings: Settings, *_: object) -> Result:
        asked.append(settings)
        return Result(ExitCode.OK, ended=SimpleNamespace())  # type: ignore[arg-type]

    monkeypatch.setattr(dispatch, "run", note)
    monkeypatch.setattr(api.Summary, "of", lambda end: end)
    return asked


def settings_of(*words: str) -> Settings:
    """Those of the command."""
    return parser.load([*words, "mine.in"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"merge_logs": Path("all"), "keep": True, "resume": False, "region": None}, ["-m", "all", "--keep"]),
        ({"max_failures": "5%", "canary": 3, "grace": 2.5}, ["--max-failures=5%", "--canary=3", "--grace=2.5"]),
        ({"local": True, "follow": "one"}, ["--local", "--follow=one"]),
        ({"local": "there"}, ["--local=there"]),
        ({"max_cost": 1e-07, "prices": "vcpu=1,gb=1"}, ["--max-cost=0.0000001", "--prices=vcpu=1,gb=1"]),
        ({"max_cost": "", "prices": "", "on_end": "", "canary": ""}, []),
        ({"prefix": "other", "array": "never"}, ["--prefix=other", "--array=never"]),
        ({"prices": "vcpu=1,gb=1", "max_cost": Decimal("1E+2")}, ["--prices=vcpu=1,gb=1", "--max-cost=100"]),
        ({"on_end": "echo -n 'x' -- y"}, ["--on-end", "echo -n 'x' -- y"]),
    ],
)
def test_settings_are_those_of_the_command(given: dict[str, Any], words: list[str], asked: list[Settings]) -> None:
    api.run(BAG, **{**NEEDED, **given})
    wanted = settings_of("-q", "q", "-j", "d", *words)
    assert vars(asked[0]) == vars(wanted) | {"submit_files": (), "words": ()}


def test_files_may_have_any_name(asked: list[Settings]) -> None:
    names = ["a,b", "c"]
    for name in names:
        Path(name).touch()
    api.run(BAG, files=["a,b", Path("c")], **NEEDED)
    api.run(BAG, files="c", **NEEDED)
    assert [one.files for one in asked] == [("a,b", "c"), ("c",)]


def test_a_properties_file_counts_less(asked: list[Settings]) -> None:
    Path("p").write_text("pegasus.aws.batch.prefix=theirs\npegasus.aws.region=us-west-1\n")
    api.run(BAG, conf="p", region="us-west-2", **NEEDED)
    assert (asked[0].prefix, asked[0].region) == ("theirs", "us-west-2")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"merge_lgs": "x"}, "merge_lgs: there is no such setting; did you mean merge_logs?"),
        ({"log_file": "x"}, "log_file: is an option of the command alone: what is said goes to the loggers of Python"),
        ({"dry_run": True}, "dry_run: is an option of the command alone"),
        ({"keep": "yes"}, "keep: must be True or False, not 'yes'"),
        ({"canary": True}, "canary: must be a string or a number, not True"),
        ({"prefix": ["a"]}, "prefix: must be a string or a number, not ['a']"),
        ({"conf": {"a": 1}}, "conf: must be a string or a number, not {'a': 1}"),
        ({"files": ["a", 1]}, "files: must be a string, a path, or a list of them, not ['a', 1]"),
        ({"files": b"a"}, "files: must be a string, a path, or a list of them, not b'a'"),
    ],
)
def test_what_is_no_setting_is_a_type_error(given: dict[str, Any], told: str, asked: list[Settings]) -> None:
    with pytest.raises(TypeError) as caught:
        api.run(BAG, **given)
    assert isinstance(caught.value, api.InputError)
    assert str(caught.value).startswith(told)
    assert asked == []


def test_values_and_jobs_are_checked_as_those_of_the_command(asked: list[Settings]) -> None:
    with pytest.raises(api.InputError, match="'x' is neither a number of jobs"):
        api.run(BAG, max_failures="x")
    with pytest.raises(api.InputError, match="--detach cannot be used with --local"):
        api.submit(BAG, local=True)
    with pytest.raises(api.InputError, match=r"'a/b' is no name"):
        api.run(api.Bag([], "a/b"))
    with pytest.raises(api.InputError, match='mine: job "x": executable'):
        api.run(api.Bag([api.Job("x", "")], "mine"), **NEEDED)
    with pytest.raises(TypeError, match=r"must be a jobbag\.api\.Bag, not list"):
        api.run([])  # type: ignore[arg-type]
    assert asked == []


@pytest.mark.parametrize("name", ["", 5])
def test_a_bag_without_a_name_is_told(name: Any, asked: list[Settings]) -> None:
    with pytest.raises(api.SettingError, match="bag: its name must be a string that is not empty"):
        api.run(api.Bag([api.Job("one", "true")], name), **NEEDED)
    assert asked == []


def test_signals_are_for_the_main_thread(asked: list[Settings]) -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            api.run(BAG, handle_signals=True, **NEEDED)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert list(map(str, raised)) == ["handle_signals: only the main thread can do that"]
    assert isinstance(raised[0], api.SettingError)
    assert asked == []


def test_a_run_within_a_run_does_not_wait_for_the_embedded_aws_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(settings: Settings, *_: object) -> Result:
        with cloud._alone():
            if settings.prefix == "mine":
                api.run(api.Bag([api.Job("one", "true")], "inner"), local=True)
        return Result(ExitCode.OK)

    monkeypatch.setattr(dispatch, "run", run)
    monkeypatch.setattr(cloud, "_free", nullcontext())  # else this would wait for ever where it fails
    with pytest.raises(api.InputError, match="is begun within a run with it"):
        api.run(BAG, local=True)


def test_submitting_and_collecting_are_said_to_the_run(asked: list[Settings]) -> None:
    api.submit(BAG, **NEEDED)
    api.collect(BAG, **NEEDED)
    assert [(one.detach, one.collects) for one in asked] == [(True, False), (False, True)]


def test_jobs_that_run_on_are_not_submitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "run", lambda *_: Result(ExitCode.OK))
    with pytest.raises(api.InputError, match=r"mine\.journal: its jobs are submitted already; collect\(\) waits"):
        api.submit(BAG, **NEEDED)


def test_an_error_of_the_system_is_one_of_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Result:
        raise OSError("the disk is full")

    monkeypatch.setattr(dispatch, "run", fail)
    with pytest.raises(api.ToolError, match="the disk is full"):
        api.run(BAG, **NEEDED)


# -- what stops a run


def test_a_keyboard_interrupt_stops_the_run_and_is_raised_when_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Interrupted] = []

    def work(_: Settings, __: Task, front: Front) -> Result:
        told = threading.Event()

        def stop(interrupted: Interrupted) -> None:
            done.append(interrupted)
            told.set()

        front.stops.deliver_to(stop)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert told.wait(60)
        done.append(done[0])
        return Result(ExitCode.SIGINT)

    monkeypatch.setattr(dispatch, "run", work)
    with pytest.raises(KeyboardInterrupt):
        api.run(BAG, **NEEDED)
    assert [one.exit_code for one in done] == [ExitCode.SIGINT] * 2


@pytest.mark.parametrize("handle_signals", [False, True])
def test_what_is_stopped_from_elsewhere_before_it_has_begun_is_an_error(
    handle_signals: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(_: Settings, __: Task, front: Front) -> Result:
        assert isinstance(front.stops, Signals) == handle_signals
        raise Interrupted(ExitCode.SIGTERM, cancelled=True)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(dispatch, "run", work)
    with pytest.raises(api.Cancelled, match="stopped by --cancel") as caught:
        api.run(BAG, handle_signals=handle_signals, **NEEDED)
    assert caught.value.exit_code == 143
    assert signal.getsignal(signal.SIGINT) is before


def test_the_import_costs_no_boto3_and_touches_no_logger_but_its_own() -> None:
    code = (
        "import logging, signal, sys\n"
        "from jobbag import api\n"
        "api.Bag([api.Job('x', 'y')])\n"
        "slow = {'boto3', 'botocore', 'rich', 'moto'} & sys.modules.keys()\n"
        "print(slow, logging.getLogger().handlers, signal.getsignal(signal.SIGTERM).name)\n"
        "logging.getLogger('jobbag.x').warning('nobody prints this')\n"
    )
    path = str(Path(api.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n{code}"],
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    assert (done.stdout, done.stderr) == ("set() [] SIG_DFL\n", "")


def test_the_command_that_collects_is_none_of_a_program() -> None:
    from jobbag.commands.detached import collecting

    assert collecting(()) == "jobbag.api.collect"
    assert PROG not in collecting(())
