"""Which command is done; and that nothing is done for nothing."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobbag.commands import dispatch, dry_run, manage, run_bag
from jobbag.commands.result import Result
from jobbag.errors import ExitCode, InputError
from jobbag.options.settings import Mode
from jobbag.signals import Signals

from ..builders import heard, settings

SILENT: Any = SimpleNamespace(shows=lambda _: False)


@pytest.fixture(autouse=True)
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which commands were done, in a directory of their own."""
    monkeypatch.chdir(tmp_path)
    done: list[str] = []

    def note(name: str, *_: object) -> Result:
        done.append(name)
        return Result(ExitCode.OK)

    for module, name in ((dry_run, "dry_run"), (run_bag, "run_bag"), (manage, "manage")):
        monkeypatch.setattr(module, name, partial(note, name))
    return done


def execute(**wanted: Any) -> Result:
    wanted = {"job_definition": "d", "job_queue": "q", **wanted}
    return dispatch.execute(settings(**wanted), SILENT, Signals())


def write_bag(*names: str) -> None:
    Path("bag.in").write_text(json.dumps({"SubmitJob": [{"jobName": name, "executable": "x"} for name in names]}))


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        ({}, "run_bag"),
        ({"dry_run": True}, "dry_run"),
        ({"mode": Mode.CREATE, "submit_files": ()}, "manage"),
        ({"mode": Mode.DELETE, "submit_files": ()}, "manage"),
    ],
)
def test_the_command_is_the_one_that_is_asked_for(wanted: dict[str, Any], command: str, done: list[str]) -> None:
    write_bag("one")
    execute(**wanted)
    assert done == [command]


@pytest.mark.parametrize("wanted", [{}, {"dry_run": True}, {"mode": Mode.CREATE, "job_queue": "missing.json"}])
def test_bad_input_begins_nothing(wanted: dict[str, Any], done: list[str]) -> None:
    Path("bag.in").write_text("nonsense")
    with pytest.raises(InputError):
        execute(**wanted)
    assert done == []


@pytest.mark.parametrize("only_look", [False, True])
def test_an_empty_bag_is_told_and_has_a_summary_unless_nothing_may_be_written(only_look: bool, done: list[str]) -> None:
    write_bag()
    with heard("jobbag.commands.dispatch") as said:
        result = execute(dry_run=only_look, summary=Path("s.json"))
    assert (result.exit_code, result.lines) == (ExitCode.OK, ())
    assert said == ["INFO no jobs in bag.in: nothing to do"]
    assert Path("s.json").exists() == (not only_look)
    assert done == []


def test_a_bag_is_printed_without_entities_and_nothing_is_run(done: list[str]) -> None:
    Path("t.csv").write_text("x\n1\n2\n")
    sweep = {"submit_files": (), "sweep": Path("t.csv"), "command": ("run", "{x}"), "job_queue": None}
    result = execute(print_bag=True, **sweep)
    assert [one["arguments"] for one in json.loads("\n".join(result.lines))["SubmitJob"]] == [["1"], ["2"]]
    with pytest.raises(InputError, match="'y'"):
        execute(print_bag=True, **sweep | {"command": ("run", "{y}")})
    assert (done, [path.name for path in Path().iterdir()]) == ([], ["t.csv"])


def test_a_bag_is_printed_with_the_jobs_that_are_never_to_be_sent_again() -> None:
    never = {"jobName": "never", "executable": "x", "onOutOfMemory": False}
    Path("bag.in").write_text(json.dumps({"SubmitJob": [never, {"jobName": "usual", "executable": "x"}]}))
    for times in (None, 2):
        printed = json.loads("\n".join(execute(print_bag=True, more_memory=times).lines))["SubmitJob"]
        assert [one.get("onOutOfMemory") for one in printed] == [False, None]


def test_an_empty_table_is_named_as_an_empty_submit_file_is() -> None:
    Path("c.txt").write_text("# none\n")
    with heard("jobbag.commands.dispatch") as said:
        execute(submit_files=(), commands=Path("c.txt"))
    assert said == ["INFO no jobs in c.txt: nothing to do"]


def test_the_schema_is_printed_without_a_bag(done: list[str]) -> None:
    result = execute(print_schema=True, submit_files=())
    assert "SubmitJob" in json.loads("\n".join(result.lines))["properties"]
    assert done == []
