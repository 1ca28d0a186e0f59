"""What is wrong with jobs is told before AWS is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobbag.bag import reader
from jobbag.bag.job import Bag
from jobbag.errors import Problem

from ..builders import TEXT

OPEN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def entry(name: str = "one", **fields: Any) -> dict[str, Any]:
    return {"jobName": name, "executable": "/bin/true", **fields}


def variables(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def write(content: object, name: str = "bag.in") -> Path:
    path = Path(name)
    if isinstance(content, (str, bytes)):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    else:
        path.write_text(json.dumps(content))
    return path


def read(*entries: object, files: tuple[str, ...] = ()) -> tuple[Bag, list[Problem]]:
    return reader.load([write({"SubmitJob": entries})], files)


def told(*entries: object, files: tuple[str, ...] = ()) -> list[str]:
    return [str(problem) for problem in read(*entries, files=files)[1]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jobName": None}, "jobName"),
        ({"jobName": ""}, "jobName"),
        ({"jobName": 7}, "jobName"),
        ({"jobName": "../x"}, "jobName"),
        ({"jobName": "a/b"}, "jobName"),
        ({"jobName": ".x"}, "jobName"),
        ({"jobName": "a\0b"}, "control character"),
        ({"jobName": "a\nb"}, "control character"),
        ({"jobName": "a\x85b"}, "control character"),
        ({"jobName": "x" * 201}, "200 bytes"),
        ({"jobName": "é" * 101}, "200 bytes"),
        ({"jobName": "\ud800"}, "jobName"),
        ({"executable": None}, "executable"),
        ({"executable": ""}, "executable"),
        ({"executable": ["/bin/true"]}, "executable"),
        ({"arguments": "it's"}, "arguments"),
        ({"arguments": {"a": 7}}, "arguments"),
        ({"arguments": ["a", [7]]}, "arguments"),
        ({"arguments": ["a", ""]}, "arguments"),
        ({"arguments": "a ''"}, "arguments"),
        ({"environment": {"A": "b"}}, "environment"),
        ({"environment": None}, "environment"),
        ({"environment": ["A=b"]}, "environment[0]"),
        ({"environment": [*variables(A="b"), {"name": "A"}]}, "environment[1]"),
        ({"environment": [{"name": "A", "value": "b", "more": 1}]}, "environment[0]"),
        ({"environment": [{"name": "A", "value": [7]}]}, "environment[0]"),
        ({"environment": [{"name": "", "value": ""}]}, "environment[0]"),
        ({"environment": variables(**{"A=B": ""})}, "environment[0]"),
        ({"environment": variables(**{"A\0": ""})}, "environment[0]"),
        ({"environment": variables(A="a\0b")}, "environment[0]"),
        ({"environment": variables(AWS_BATCH_JOB_ID="1")}, "reserved"),
        ({"environment": variables(AWS_BATCHES="1")}, "reserved"),
        ({"containerOverrides": {"environment": variables(AWS_BATCH_JOB_ID="1")}}, "reserved"),
        ({"containerOverrides": {"command": ["x"]}}, "containerOverrides.command"),
        ({"containerOverrides": []}, "containerOverrides: must be an object"),
        ({"containerOverrides": {"memmory": 1}}, "containerOverrides.memmory: is no field of AWS Batch; did you mean"),
        ({"jobqueue": "q"}, "did you mean jobQueue?"),
        ({"timeout": {"attemptDurationSeconds": "60"}}, "timeout.attemptDurationSeconds: must be a whole number"),
        ({"tags": {"a": 1}}, "tags.a: must be a string"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "timeout.attemptDurationSeconds: must be 60 or more, not 59"),
        ({"launcher": 1}, "launcher: must be true or false"),
        ({"launcher": True, "environment": variables(BATCH_FILE_TYPE="zip")}, "launcher: with BATCH_FILE_TYPE=zip"),
        ({"launcher": True, "arrayProperties": {"size": 2}}, "launcher: it does not start the children"),
        (
            {"launcher": True, "tags": {}, "containerOverrides": {"environment": variables(BATCH_FILE_TYPE="zip")}},
            "launcher: with BATCH_FILE_TYPE=zip",
        ),
        ({"launcher": True, "executable": "-x"}, "launcher: it cannot start an executable whose name begins with '-'"),
        ({"launcher": True, "executable": "a=b"}, "launcher: it cannot start an executable that has a '='"),
    ],
)
def test_a_problem_of_a_job_names_file_job_and_field(changes: dict[str, Any], said: str) -> None:
    found = told(entry("first"), {**entry("second"), **changes})
    name = changes.get("jobName", "second")
    job = f'job "{name}"' if isinstance(name, str) else "job 2"
    assert all(line.startswith(f"bag.in: {job}: ") for line in found)
    assert any(said in line for line in found)


@pytest.mark.parametrize("missing", ["jobName", "executable"])
def test_what_a_job_must_have(missing: str) -> None:
    (found,) = told({key: value for key, value in entry().items() if key != missing})
    assert missing in found


def test_names_up_to_200_bytes_are_fine() -> None:
    assert told(entry("x" * 200), entry("é" * 100), entry("a b@c#\"']")) == []


@pytest.mark.parametrize("entry", [None, [], "job", 7])
def test_a_job_that_is_no_object(entry: object) -> None:
    assert told(entry) == ["bag.in: job 1: must be an object"]


def test_a_name_that_comes_twice() -> None:
    assert told(entry("a"), entry("b"), entry("a")) == ['bag.in: job "a": jobName: bag.in has another job of this name']
    write({"SubmitJob": [entry("a")]}, "other.in")
    _, problems = reader.load([Path("bag.in"), Path("other.in")], ())
    assert 'other.in: job "a": jobName: bag.in has another job of this name' in map(str, problems)


def test_all_problems_of_all_files_are_told_at_once() -> None:
    write("{", "bad.in")
    write({"SubmitJob": [entry("../x", environment=7), {"jobName": "b"}]}, "worse.in")
    Path("folder").mkdir()
    last = write({"SubmitJob": [entry("c", environment=variables(TRANSFER_INPUT_FILES="nowhere"))]}, "last.in")
    _, problems = reader.load([Path("missing.in"), Path("bad.in"), Path("worse.in"), last], ("folder",))
    found = [str(problem) for problem in problems]
    for said in (
        "missing.in: ",
        "bad.in: line 1",
        'worse.in: job "../x": jobName',
        'worse.in: job "../x": environment',
        'worse.in: job "b": executable',
        "--files: input file 'folder': is a directory",
        "last.in: job \"c\": input file 'nowhere': No such file",
    ):
        assert any(line.startswith(said) for line in found), said


# -- input files


def test_inputs_that_cannot_be_sent() -> None:
    os.mkfifo("pipe")
    Path("folder").mkdir()
    found = told(entry(environment=variables(TRANSFER_INPUT_FILES="missing,pipe,folder,folder/,s3://any/thing")))
    assert [line.partition("input file ")[2] for line in found] == [
        "'missing': No such file or directory",
        "'pipe': is no regular file",
        "'folder': is a directory",
        "'folder/': is a directory",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_input_that_may_not_be_read() -> None:
    Path("secret").touch(mode=0)
    assert told(entry(environment=variables(TRANSFER_INPUT_FILES="secret")))[0].endswith("Permission denied")


@pytest.mark.parametrize(("content", "clash"), [("same", False), ("diff", True), ("longer", True)])
def test_two_inputs_of_one_base_name(content: str, clash: bool) -> None:
    Path("x").mkdir()
    Path("f").write_text("same")
    Path("x/f").write_text(content)
    found = told(entry("1", environment=variables(TRANSFER_INPUT_FILES="x/f")), files=("f",))
    assert bool(found) == clash
    assert all("'x/f'" in line and "'f'" in line for line in found)


@OPEN
@given(TEXT | st.text() | st.sampled_from(["..", ".", "a/..", "-", "~", "a\\b", "con", "\u202ename", "x" * 300]))
def test_a_name_is_a_problem_or_a_file_name_in_the_directory(name: str) -> None:
    bag, problems = read(entry(name))
    if problems:
        return
    path = Path(f"{bag.jobs[0].name}.out")
    assert path.name == str(path)
    before = {*os.listdir()}
    path.write_text("")
    assert {*os.listdir()} - before == {path.name}
    path.unlink()


@pytest.mark.parametrize(
    ("depends_on", "what"),
    [
        (["nobody"], 'dependsOn: no job of the bag has the name "nobody"'),
        ([7], "dependsOn[0]: must be the name of a job, or the id of a job in AWS Batch"),
        ("one", "dependsOn: must be a list of names of jobs"),
        (["one"], "dependsOn: the jobs wait for each other: one → one"),
        (["two"], "dependsOn: the jobs wait for each other: "),
    ],
)
def test_dependencies_that_cannot_be_are_problems(depends_on: object, what: str) -> None:
    Path("bag.in").write_text(
        json.dumps({"SubmitJob": [entry(jobName="one", dependsOn=depends_on), entry(jobName="two", dependsOn=["one"])]})
    )
    _, problems = reader.load([Path("bag.in")], ())
    assert [problem.what for problem in problems if what in problem.what]


@pytest.mark.parametrize("defaults", [7, {"jobName": "x"}])
def test_defaults_that_cannot_be_are_problems(defaults: object) -> None:
    Path("bag.in").write_text(json.dumps({"defaults": defaults, "SubmitJob": [entry()]}))
    _, problems = reader.load([Path("bag.in")], ())
    assert any("defaults" in problem.where for problem in problems)
